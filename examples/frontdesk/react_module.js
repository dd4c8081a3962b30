// React 18's own browser build is a classic script; this gives it the names that `import` asks for.
import "/vendor/react/umd/react.production.min.js";

const { React } = globalThis;
export default React;
export const { createElement, useEffect, useRef, useState } = React;

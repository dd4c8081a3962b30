import "react";
import "/vendor/react-dom/umd/react-dom.production.min.js";

export const { createRoot } = globalThis.ReactDOM;

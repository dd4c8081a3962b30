// Shows the server's own description of its API and sends what is typed; nothing leaves the server.

const token = document.getElementById('token');
const place = document.getElementById('operations');

function make(tag, options = {}, ...children) {
  const element = Object.assign(document.createElement(tag), options);
  element.append(...children);
  return element;
}

function resolve(spec, schema) {
  const name = schema?.$ref?.split('/').pop();
  return name ? spec.components.schemas[name] : schema ?? {};
}

// A body to begin with: what is required, and the first choice of each.
function sample(spec, schema, depth = 0) {
  const known = resolve(spec, schema);
  if (known.default !== undefined && known.default !== null) return known.default;
  if (known.const !== undefined) return known.const;
  if (known.enum) return known.enum[0];
  const choice = (known.anyOf ?? []).find(one => one.type !== 'null');
  if (choice) return sample(spec, choice, depth);
  if (known.type === 'object') {
    if (!known.properties || depth > 2) return {};
    const wanted = depth ? known.required ?? [] : Object.keys(known.properties);
    return Object.fromEntries(
      wanted.filter(name => depth || !['enhance', 'actor', 'document_id'].includes(name))
        .map(name => [name, sample(spec, known.properties[name], depth + 1)]));
  }
  return {array: [], integer: 0, number: 0, boolean: false}[known.type] ?? '';
}

async function show(output, answer) {
  const type = answer.headers.get('Content-Type') ?? '';
  const status = make('p', {
    className: answer.ok ? 'status' : 'status bad',
    textContent: `${answer.status} ${answer.statusText}`,
  });
  if (type.startsWith('application/pdf')) {
    const link = make('a', {
      href: URL.createObjectURL(await answer.blob()), target: '_blank', textContent: 'Open the PDF',
    });
    output.replaceChildren(status, link);
    return;
  }
  const text = await answer.text();
  const told = type.includes('json') ? JSON.stringify(JSON.parse(text), null, 2) : text;
  output.replaceChildren(status, make('pre', {textContent: told}));
}

function fields(operation) {
  return (operation.parameters ?? []).map(parameter => {
    const input = make('input', {name: parameter.name, required: parameter.required ?? false});
    return {parameter, input, label: make('label', {}, parameter.name, input)};
  });
}

function fileEditor(type) {
  const picked = make('input', {type: 'file'});
  return {nodes: [make('label', {}, type, picked)], build: () => ({body: picked.files[0], type})};
}

function bodyEditor(spec, operation) {
  const content = operation.requestBody?.content;
  if (!content) return null;
  const json = content['application/json'];
  const bare = Object.keys(content)[0];
  const kind = json ? 'JSON' : bare;
  if (!json && !/text|sdp/.test(bare)) return fileEditor(bare);
  const text = make('textarea', {spellcheck: false, ariaLabel: `${kind} body`});
  text.value = json ? JSON.stringify(sample(spec, json.schema), null, 2) : '';
  const form = content['multipart/form-data'];
  const picked = form && make('input', {type: 'file', multiple: true});
  const names = form ? Object.entries(form.schema.properties) : [];
  const name = names.find(([, one]) => (one.items ?? one).format === 'binary')?.[0];
  return {
    nodes: [make('label', {}, kind, text),
            ...(picked ? [make('label', {}, `or a form: ${name}, with the values above`, picked)] : [])],
    build() {
      if (!picked?.files.length) return {body: text.value, type: json ? 'application/json' : bare};
      const body = new FormData();
      for (const [key, value] of Object.entries(JSON.parse(text.value || '{}')))
        if (key !== name) body.append(key, typeof value === 'string' ? value : JSON.stringify(value));
      for (const file of picked.files) body.append(name, file);
      return {body, type: null};
    },
  };
}

function card(spec, path, method, operation) {
  const inputs = fields(operation);
  const editor = bodyEditor(spec, operation);
  const output = make('output');
  const send = make('button', {type: 'submit', textContent: 'Send'});
  const answers = make('ul', {className: 'answers'}, ...Object.entries(operation.responses).map(
    ([status, told]) => make('li', {}, make('b', {textContent: status}), told.description)));
  const form = make('form', {className: 'inside'});
  const webSocket = '101' in operation.responses;
  // Neither ends, so that there is no answer to show.
  const stream = webSocket || 'text/event-stream' in (operation.responses['200']?.content ?? {});
  if (inputs.length) form.append(make('div', {className: 'row'}, ...inputs.map(one => one.label)));
  if (editor) form.append(...editor.nodes);
  if (!stream) form.append(make('div', {className: 'row'}, send));
  form.append(output, answers);
  form.addEventListener('submit', async event => {
    event.preventDefault();
    send.disabled = true;
    try {
      const url = new URL(path.replace(/{(\w+)}/g, (_, name) => encodeURIComponent(
        inputs.find(one => one.parameter.name === name).input.value)), location.origin);
      for (const {parameter, input} of inputs)
        if (parameter.in === 'query' && input.value) url.searchParams.set(parameter.name, input.value);
      const {body, type} = editor?.build() ?? {};
      const headers = {Accept: 'application/json, */*'};
      for (const {parameter, input} of inputs)
        if (parameter.in === 'header' && input.value) headers[parameter.name] = input.value;
      if (type) headers['Content-Type'] = type;
      if (token.value) headers.Authorization = `Bearer ${token.value}`;
      await show(output, await fetch(url, {method: method.toUpperCase(), headers, body}));
    } catch (error) {
      output.replaceChildren(make('p', {className: 'status bad', textContent: error.message}));
    } finally {
      send.disabled = false;
    }
  });
  return make('details', {}, make('summary', {},
    make('span', {className: 'method', textContent: webSocket ? 'WS' : method.toUpperCase()}),
    make('code', {textContent: path}),
    make('span', {className: 'what', textContent: operation.summary})), form);
}

const spec = await (await fetch('/api/openapi.json')).json();
document.getElementById('about').textContent = `${spec.info.version}. ${spec.info.description}`;
const groups = Map.groupBy(
  Object.entries(spec.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({path, method, operation}))),
  one => one.operation.tags[0]);
place.replaceChildren(...[...groups].flatMap(([tag, all]) => [
  make('h2', {textContent: tag}),
  ...all.map(one => card(spec, one.path, one.method, one.operation)),
]));

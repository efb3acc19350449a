/** @file A page that speaks to the host through the bridge, notes what it hears, and tries what it must not. */

export const BRIDGE_NAMES = [
  'post',
  'onMessage',
  'onHost',
  'choose',
  'pathOf',
  'dragOut',
  'onCommand',
] as const;

const SCRIPT = `
window.heard = { commands: [], host: [] };
const waiting = new Map();
let calls = 0;

window.ask = (name, input) =>
  new Promise((resolve) => {
    const i = String(++calls);
    waiting.set(i, resolve);
    studio.post(JSON.stringify({ t: 'q', i, m: 'call', a: [name, input] }));
  });
studio.onMessage((text) => {
  const { t, i, r } = JSON.parse(text);
  if (t === 's') waiting.get(i)?.(r);
});
studio.onCommand((command) => heard.commands.push(command));
studio.onHost((isUp) => heard.host.push(isUp));

try {
  window.hasEval = new Function('return true')();
} catch {
  window.hasEval = false;
}

window.lookAround = () => ({
  title: document.title,
  bridge: Object.keys(studio).sort(),
  strange: ['require', 'process', 'module', 'Buffer', 'global', 'electron', 'ipcRenderer'].filter((name) => name in window),
});

window.loadAndSend = async () => {
  const image = new Image();
  image.src = '/files/pictures/one';
  await image.decode();
  const sent = await fetch('/uploads?name=a.png', { method: 'POST', body: new Uint8Array(100_000) });
  return { size: [image.naturalWidth, image.naturalHeight], status: sent.status, answer: await sent.json() };
};

window.breakOut = async (expected) => {
  const refused = new Set();
  const all = new Promise((resolve) =>
    document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => {
      refused.add(effectiveDirective);
      if (refused.size === expected) resolve();
    }),
  );
  const script = document.createElement('script');
  script.textContent = 'window.inline = true';
  const frame = document.createElement('iframe');
  frame.src = 'https://example.com/';
  const form = document.createElement('form');
  form.action = 'https://example.com/';
  document.body.append(script, frame, form);
  form.submit();
  fetch('https://example.com/').catch(() => {});
  new Image().src = 'https://example.com/a.png';
  await all;
  return { refused: [...refused].sort(), inline: 'inline' in window, hasEval };
};
`;

/** Its files by name. */
export const PAGE = {
  'index.html':
    '<!doctype html><meta charset="utf-8"><title>a small page</title><script type="module" src="/page.js"></script><p>Hello',
  'page.js': SCRIPT,
} as const;

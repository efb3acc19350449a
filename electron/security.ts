/**
 * @file What a window may do: show pages of app://studio, and nothing else. Every rule is a function of Electron's
 * objects, so that tests can call it; main.ts applies them all.
 */
import type { App, Protocol, Session, WebContents, WebFrameMain, WebPreferences } from 'electron';

const SCHEME = 'app';
const HOST = 'studio';
/** Where the window's page lies. */
export const APP_ADDRESS = `${SCHEME}://${HOST}/`;

/** Preferences of every window. */
export const SAFE_PREFERENCES = {
  contextIsolation: true,
  sandbox: true,
  webSecurity: true,
  nodeIntegration: false,
  nodeIntegrationInWorker: false,
  nodeIntegrationInSubFrames: false,
  webviewTag: false,
  spellcheck: false, // it would fetch a dictionary
} as const satisfies WebPreferences;

/** Switches with which another program could drive or read the window. */
const DEBUG_SWITCHES = [
  'remote-debugging-port',
  'remote-debugging-pipe',
  'remote-debugging-address',
  'inspect',
  'inspect-brk',
];

/** What must be said before Electron is ready. Returns what is wrong with the command line, or undefined. */
export function secureApp(app: App, protocol: Protocol): string | undefined {
  const privileges = { standard: true, secure: true, supportFetchAPI: true, stream: true };
  protocol.registerSchemesAsPrivileged([{ scheme: SCHEME, privileges }]);
  app.enableSandbox();
  const debug = DEBUG_SWITCHES.find((name) => app.isPackaged && app.commandLine.hasSwitch(name));
  return debug && `HDM Studio: --${debug} is refused: it would let other programs into the window.`;
}

/** Our scheme, without anything else on its way in the session. */
export function secureSession(
  session: Session,
  protocol: { handle: Protocol['handle'] },
  answer: AnswerRequest,
): void {
  protocol.handle(SCHEME, (request) => answer(request));
  session.setPermissionRequestHandler((contents, permission, allow) => {
    allow(isPermitted(permission, contents.getURL()));
  });
  session.setPermissionCheckHandler((_contents, permission, origin) => isPermitted(permission, origin));
  session.setDevicePermissionHandler(() => false);
  session.setSpellCheckerEnabled(false);
}

type AnswerRequest = (request: Request) => Promise<Response>;

const PERMISSIONS: readonly string[] = [
  'clipboard-sanitized-write', // "Copy" beside prompts and settings
  'fullscreen', // a picture alone on the screen
];

function isPermitted(permission: string, address: string): boolean {
  return PERMISSIONS.includes(permission) && isOurAddress(address);
}

/** Keeps a page where it is: no other page, no second window, no page inside it. */
export function secureContents(contents: WebContents, openOutside: (address: string) => void): void {
  contents.on('will-navigate', (event) => preventUnlessOurs(event));
  contents.on('will-frame-navigate', (event) => preventUnlessOurs(event));
  contents.on('will-redirect', (event) => event.preventDefault());
  contents.on('will-attach-webview', (event) => event.preventDefault());
  contents.setWindowOpenHandler(({ url }) => {
    if (isSafeOutside(url)) openOutside(url);
    return { action: 'deny' };
  });
}

/** A reload navigates to where the page is already. */
function preventUnlessOurs(event: { readonly url: string; preventDefault(): void }): void {
  if (!isOurAddress(event.url)) event.preventDefault();
}

/** Links of licences, models and help open in the system's browser; nothing else leaves the window. */
export function isSafeOutside(address: string): boolean {
  const url = URL.parse(address);
  return url?.protocol === 'https:' && url.username === '' && url.password === '';
}

/** Whether an address belongs to the window's own pages. */
export function isOurAddress(address: string): boolean {
  const url = URL.parse(address);
  return url?.protocol === `${SCHEME}:` && url.host === HOST;
}

/** Whether a message comes from the page of a window itself, and not from a frame or another page in it. */
export function isOurFrame(frame: Pick<WebFrameMain, 'url' | 'parent'> | null): boolean {
  return frame !== null && frame.parent === null && isOurAddress(frame.url);
}

/** Variables that programs, downloads and graphics drivers need; everything else stays out of the host. */
const PASSED = [
  /^(PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|TZ|TMPDIR|TEMP|TMP|DISPLAY|WAYLAND_DISPLAY)$/i,
  /^(SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|USERPROFILE|USERNAME|APPDATA|LOCALAPPDATA|PROGRAMDATA)$/i,
  /^(PROGRAMFILES(\(X86\))?|NUMBER_OF_PROCESSORS|PROCESSOR_[A-Z0-9]+)$/i,
  /^(LC|XDG|VK|VULKAN|CUDA|HIP|ROCR|HSA|MESA|HDM)_/i,
  /^(LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|LIBGL_ALWAYS_SOFTWARE|GALLIUM_DRIVER|OMP_NUM_THREADS)$/i,
  /^((HTTPS?|ALL|NO)_PROXY|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS)$/i,
];

/** The environment of the host: without options for Node or Electron, and without anybody's secrets. */
export function hostEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const entries = Object.entries(environment).filter(([name]) =>
    PASSED.some((pattern) => pattern.test(name)),
  );
  return Object.fromEntries(entries);
}

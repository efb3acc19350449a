/**
 * @file Electron's program, for a start from this checkout. npm brings the package without it, since install scripts
 * are off here; it is fetched at the first start, and where that fails the studio opens in the browser.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const MODULES = fileURLToPath(new URL('../node_modules/', import.meta.url));
const PACKAGE = join(MODULES, 'electron');
const FETCH_TIMEOUT_MS = 10 * 60_000;

/** What Electron calls its program, inside its folder. */
const PROGRAMS = { darwin: 'Electron.app/Contents/MacOS/Electron', win32: 'electron.exe' };

/** The path of Electron's program where it can run, else why it cannot. Fetches it when it is missing, once. */
export function findElectron(environment = process.env) {
  const given = environment.ELECTRON_OVERRIDE_DIST_PATH;
  if (given) return existing(join(resolve(given), programName()), `there is no Electron in ${given}`);
  const { platform } = process;
  if (platform === 'linux') {
    if (!environment.DISPLAY && !environment.WAYLAND_DISPLAY) return { problem: 'there is no display here' };
    if (process.getuid() === 0) return { problem: 'Electron does not run as root' };
  }
  const program = join(PACKAGE, 'dist', programName());
  const problem = existsSync(program) ? '' : fetchElectron(environment);
  return problem ? { problem } : existing(program, "Electron's program is missing");
}

function existing(program, problem) {
  return existsSync(program) ? { program } : { problem };
}

function programName() {
  const written = join(PACKAGE, 'path.txt'); // by Electron's install script
  return existsSync(written) ? readFileSync(written, 'utf8') : (PROGRAMS[process.platform] ?? 'electron');
}

/** Runs the package's own install script. Returns what stands against it, or '' when all went well. */
function fetchElectron(environment) {
  const triedBefore = join(MODULES, '.electron-tried');
  const script = join(PACKAGE, 'install.js');
  if (!existsSync(script)) return 'the package electron is not installed';
  if (environment.CI) return 'Electron is not fetched in CI';
  if (existsSync(triedBefore)) return `Electron could not be fetched (delete ${triedBefore} to try again)`;

  console.log('Set-up: fetching Electron (about 120 MB, once) ...');
  const options = { stdio: 'ignore', timeout: FETCH_TIMEOUT_MS, env: environment };
  const { status, error } = spawnSync(process.execPath, [script], options);
  if (status === 0) return '';
  const reason = error?.message ?? `its install script ended with ${status}`;
  writeFileSync(triedBefore, `${reason}\n`);
  return `Electron could not be fetched (${reason})`;
}

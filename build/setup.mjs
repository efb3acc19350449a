/**
 * @file Makes a fresh clone ready: `node build/setup.mjs` before a start, `--tests` also before the tests.
 * It runs on Node 20 without any package, does nothing when nothing is to do, and says in one line what it does.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** A device for the WebGPU tests where there is no GPU: Chromium's SwiftShader, and what loads it. */
const VULKAN_PACKAGES = {
  chromium: ['/usr/lib/chromium/vk_swiftshader_icd.json'],
  libvulkan1: ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map((name) => `/usr/lib/${name}/libvulkan.so.1`),
};
const APT_TIMEOUT_MS = 10 * 60_000;

installPackages();
if (process.argv.includes('--tests')) installSoftwareVulkan();

function installPackages() {
  if (!packagesAreOld()) return;
  console.log('Set-up: installing the packages of package-lock.json with npm (a minute or two, once) ...');
  // Windows cannot delete the node.exe that runs this, which `npm ci` would do.
  const command = process.platform === 'win32' ? 'install' : 'ci';
  const options = ['--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status } = npm(command, ...options);
  if (status === 0) return;
  console.error(
    `Set-up: \`npm ${command}\` failed. Read npm's message above; often the network is the cause.`,
  );
  process.exit(1);
}

/** npm writes node_modules/.package-lock.json at the end of each installation. */
function packagesAreOld() {
  const installed = statSync(join(ROOT, 'node_modules/.package-lock.json'), { throwIfNoEntry: false });
  return !installed || installed.mtimeMs < statSync(join(ROOT, 'package-lock.json')).mtimeMs;
}

function npm(...args) {
  const options = { cwd: ROOT, stdio: 'inherit' };
  const script = process.env.npm_execpath; // set by npm itself, which runs this
  if (script) return spawnSync(process.env.npm_node_execpath ?? process.execPath, [script, ...args], options);
  return spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
}

/** Not having it is no failure: the tests that need it say so and are skipped. */
function installSoftwareVulkan() {
  if (process.platform !== 'linux') return; // Dawn uses Metal or Direct3D there
  const missing = Object.keys(VULKAN_PACKAGES).filter((name) => !VULKAN_PACKAGES[name].some(existsSync));
  if (missing.length === 0) return;

  const problem = aptInstall(missing);
  if (problem) {
    console.log(
      `Set-up: no software Vulkan (${missing.join(', ')}): ${problem}; WebGPU tests will be skipped.`,
    );
  }
}

/** Installs Debian packages. Returns what stands against it, or '' when they are there. */
function aptInstall(names) {
  const triedBefore = join(ROOT, 'node_modules/.apt-tried');
  if (existsSync(triedBefore)) return 'apt-get failed before';
  if (!existsSync('/usr/bin/apt-get')) return 'this system has no apt-get';
  const prefix = asRoot();
  if (!prefix) return 'installing needs root';

  console.log(`Set-up: installing ${names.join(' and ')} with apt-get for the WebGPU tests ...`);
  const steps = [['update'], ['install', '--yes', '--no-install-recommends', ...names]];
  for (const step of steps) {
    const problem = aptGet(prefix, step);
    if (!problem) continue;
    writeFileSync(triedBefore, `${problem}\n`);
    return problem;
  }
  return '';
}

/** The words before a command that make it run as root; undefined where that needs a password. */
function asRoot() {
  if (process.getuid() === 0) return [];
  const sudo = ['sudo', '-n'];
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? sudo : undefined;
}

/** Runs apt-get silently. Returns the last line of its complaints, or ''. */
function aptGet(prefix, args) {
  const quiet = ['-qq', '-o', 'DPkg::Lock::Timeout=60', '-o', 'Acquire::Retries=1'];
  const [command, ...rest] = [
    ...prefix,
    'env',
    'DEBIAN_FRONTEND=noninteractive',
    'apt-get',
    ...quiet,
    ...args,
  ];
  const stdio = ['ignore', 'ignore', 'pipe'];
  const { status, stderr, error } = spawnSync(command, rest, {
    stdio,
    encoding: 'utf8',
    timeout: APT_TIMEOUT_MS,
  });
  if (status === 0) return '';
  return stderr?.trim().split('\n').at(-1) || error?.message || `apt-get ended with ${status}`;
}

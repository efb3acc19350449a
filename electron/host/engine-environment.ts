/** @file What the engine's process sees of the environment: where things lie, and nothing that could be a secret. */

const NAMES = ['PATH', 'HOME', 'TMPDIR', 'TMP', 'TEMP', 'LD_LIBRARY_PATH'];

/** Without these, programs on Windows find neither their libraries nor a place for temporary files. */
const WINDOWS_NAMES = [
  ...['SYSTEMROOT', 'SYSTEMDRIVE', 'WINDIR', 'COMSPEC', 'PATHEXT', 'USERPROFILE', 'APPDATA', 'LOCALAPPDATA'],
  ...['PROGRAMDATA', 'PROGRAMFILES', 'PROGRAMFILES(X86)', 'COMMONPROGRAMFILES', 'NUMBER_OF_PROCESSORS'],
];

/** Drivers of Vulkan and CUDA, the system's folders, and our own switches. */
const PREFIXES = ['VK_', 'CUDA_', 'XDG_', 'HDM_'];

/** The variables that the engine needs. Windows writes their names in any case. */
export function engineEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = new Set([...NAMES, ...WINDOWS_NAMES]);
  const isNeeded = (name: string): boolean => {
    const upper = name.toUpperCase();
    return names.has(upper) || PREFIXES.some((prefix) => upper.startsWith(prefix));
  };
  return Object.fromEntries(Object.entries(environment).filter(([name]) => isNeeded(name)));
}

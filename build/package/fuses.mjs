/**
 * @file Switches inside Electron's program that are set once, at packaging. electron-builder can set them as well,
 * but after the last place where a check could stand, and without those it does not know.
 */
import { flipFuses, FuseState, FuseV1Options, FuseVersion, getCurrentFuseWire } from '@electron/fuses';

/** Every fuse of Electron 45 with our choice. */
export const FUSES = {
  RunAsNode: false, // our processes have a Node of their own
  EnableCookieEncryption: true,
  EnableNodeOptionsEnvironmentVariable: false,
  EnableNodeCliInspectArguments: false,
  EnableEmbeddedAsarIntegrityValidation: true,
  OnlyLoadAppFromAsar: true,
  LoadBrowserProcessSpecificV8Snapshot: false,
  GrantFileProtocolExtraPrivileges: false, // the window comes from app://, never from file://
  WasmTrapHandlers: true, // Electron's default
};

/**
 * Sets the fuses of a program (of Macs: the `.app`) and reads them back. Throws when the program has fuses that
 * are not decided here, or kept another state.
 */
export async function setFuses(program) {
  await flipFuses(program, {
    version: FuseVersion.V1,
    strictlyRequireAllFuses: true,
    // Apple Silicon starts nothing whose signature is broken; a real signature, if any, comes later.
    resetAdHocDarwinSignature: process.platform === 'darwin',
    ...Object.fromEntries(Object.entries(FUSES).map(([name, isOn]) => [FuseV1Options[name], isOn])),
  });
  const wire = await getCurrentFuseWire(program);
  for (const [name, isOn] of Object.entries(FUSES)) {
    const state = wire[FuseV1Options[name]];
    if (state === (isOn ? FuseState.ENABLE : FuseState.DISABLE)) continue;
    throw new Error(
      `${program}: the fuse ${name} should be ${isOn ? 'on' : 'off'}, it is in state ${state}.`,
    );
  }
}

/** @file One change of the settings; what the host refuses is said where the window says such things. */
import type { Settings } from '../../../electron/contract.ts';
import { attempt } from '../../notices.ts';
import type { Studio } from '../../studio.svelte.ts';

export function changeSettings(studio: Studio, patch: Partial<Settings>): void {
  void attempt(studio.call('settings.change', patch));
}

/** @file What is in a picture into the form of Create, which is shown then. */
import type { FoundSettings, Picture } from '../../../electron/contract.ts';
import { goTo } from '../../navigation.svelte.ts';
import { attempt } from '../../notices.ts';
import type { Studio } from '../../studio.svelte.ts';
import { applyFound } from '../create/drop.svelte.ts';
import type { DrawingForm } from '../create/form.svelte.ts';

/** Puts found settings into the form; says what is not here. */
export function useSettings(form: DrawingForm, found: FoundSettings): void {
  applyFound(form, found);
  goTo('create');
}

/** The same with the settings inside a picture of the library. */
export async function useSettingsOf(studio: Studio, form: DrawingForm, picture: Picture): Promise<void> {
  const work = async (): Promise<void> => {
    useSettings(form, await studio.call('library.settings', { id: picture.id }));
  };
  await attempt(work());
}

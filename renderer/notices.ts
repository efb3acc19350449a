/** @file Short messages at the edge of the window, for what has no place of its own. */
import { toast } from 'svelte-sonner';
import { t } from './messages/messages.svelte.ts';

/** Says what went wrong. */
export function showError(error: unknown): void {
  toast.error(error instanceof Error ? error.message : String(error));
}

/** The way back of the newest message that has one, while it is shown. */
let newest: { readonly id: string | number; readonly undo: () => void } | undefined;

/** Says what was done, with a way back where there is one. */
export function showDone(text: string, undo?: () => void): void {
  if (!undo) return void toast(text);
  const forget = ({ id }: { id: string | number }): void => {
    if (newest?.id === id) newest = undefined;
  };
  const action = { label: t('common.undo'), onClick: undo };
  const id = toast(text, { action, duration: 8_000, onDismiss: forget, onAutoClose: forget });
  newest = { id, undo };
}

/** Goes back, as the button of the newest message does. */
export function undoNewest(): void {
  if (!newest) return;
  const { id, undo } = newest;
  toast.dismiss(id);
  newest = undefined;
  undo();
}

/** Says what was done only in part, long enough to be read. */
export function showWarning(text: string): void {
  toast.warning(text, { duration: 12_000 });
}

/** Waits for something the person asked for and says so when it fails. Returns whether it was done. */
export async function attempt(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    showError(error);
    return false;
  }
}

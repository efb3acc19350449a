/** @file From a checkpoint to the form of Create. */
import type { Output } from '../../../electron/contract.ts';
import type { DrawingForm } from '../create/form.svelte.ts';

const FULL_STRENGTH = 1;

/** A model is drawn with; an adapter beside the model that it belongs to, in place of an earlier one of the same. */
export function drawWith(form: DrawingForm, { model, modelId }: Output<'runs.useCheckpoint'>): void {
  if (model.kind === 'model') return form.chooseModel(model.id);
  if (modelId !== undefined) form.chooseModel(modelId);
  const others = form.drawing.adapters.filter((adapter) => adapter.modelId !== model.id);
  form.change({ adapters: [...others, { modelId: model.id, strength: FULL_STRENGTH }] });
}

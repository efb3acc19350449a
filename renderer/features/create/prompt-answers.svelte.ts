/** @file What the host says about a prompt while it is written. */
import type { Output } from '../../../electron/contract.ts';
import { Asked } from '../../asked.svelte.ts';
import { getStudio } from '../../studio.svelte.ts';
import { getForm } from './form.svelte.ts';

export interface PromptAnswers {
  /** Of the prompt with its choices made; undefined for models without text, and before it is known. */
  readonly count: Output<'prompts.count'> | undefined;
  /** The prompt with its choices made; undefined when it has none. */
  readonly expanded: string | undefined;
  /** Why its choices cannot be made. */
  readonly error: string | undefined;
}

const REST_MS = 250;
/** What may be a choice or a wildcard, or be wrong in one. */
const CHOICES = /[{}]|__/;

/** Follows a prompt of the form. To be called while a component is set up. */
export function askAboutPrompt(prompt: () => string): PromptAnswers {
  const studio = getStudio();
  const form = getForm();
  const expansion = new Asked({
    studio,
    question: () => (CHOICES.test(prompt()) ? { text: prompt(), seed: form.drawing.seed } : undefined),
    ask: (question) => studio.call('prompts.expand', question),
    rest: REST_MS,
  });
  const count = new Asked({
    studio,
    question: () => {
      if (!form.model || form.model.problem !== undefined) return undefined;
      return { modelId: form.model.id, text: expansion.answer?.text ?? prompt() };
    },
    ask: (question) => studio.call('prompts.count', question),
    rest: REST_MS,
  });
  return {
    get count() {
      return count.answer;
    },
    get expanded() {
      const text = expansion.answer?.text;
      return text === prompt() ? undefined : text;
    },
    get error() {
      return expansion.isCurrent ? expansion.error : undefined;
    },
  };
}

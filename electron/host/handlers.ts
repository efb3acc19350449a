/** @file The shape of what answers the calls of the contract; each part of the host brings some of them. */
import type { CallName, Input, Output } from '../contract.ts';

export type Handlers = {
  readonly [N in CallName]: (input: Input<N>) => Output<N> | Promise<Output<N>>;
};

/** The handlers of the calls whose names begin with one of the prefixes: `HandlersOf<'jobs' | 'drafts'>`. */
export type HandlersOf<Prefix extends string> = Pick<Handlers, Extract<CallName, `${Prefix}.${string}`>>;

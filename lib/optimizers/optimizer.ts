import type { Spec } from '../native.ts';

/** An optimizer's description, plain frozen data: its kind and its options with the defaults filled in. */
export type Optimizer = Spec;

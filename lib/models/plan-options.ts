import { extent, oneOf, threads, withDefault } from '../core/options.ts';

export interface PlanOptions {
  /** Default: 32. */
  readonly batchSize?: number;
  /** Default: `'train'`. */
  readonly mode?: 'train' | 'predict';
  /** 0: all that affinity and quota allow. Default: 0. */
  readonly threads?: number;
}

export const PLAN_OPTIONS = {
  batchSize: withDefault(extent, 32),
  mode: withDefault(oneOf('train', 'predict'), 'train'),
  threads: withDefault(threads, 0),
};

/** What a workload is: a net and its samples, made from a spec or by a function. */
import type { Dataset, InputShape, Model } from '../../lib/index.ts';
import { loadData, type Source } from './data.ts';
import { buildModel, type Spec } from './spec.ts';

/** Whose shapes are known at run time only. */
export type AnyModel = Model<InputShape>;
export type AnyDataset = Dataset<InputShape, 'class' | 'values'>;

export interface Prepared {
  readonly model: AnyModel;
  /** Of whole batches. */
  readonly data: AnyDataset;
}

/** A net of layers one behind another. */
export interface SequentialWorkload extends Spec {
  readonly source: Source;
  /** How many random samples. Default: eight batches. */
  readonly samples?: number;
}

/** A net of several inputs, which no spec describes. */
export interface GraphWorkload extends Omit<Spec, 'inputShape' | 'layers'> {
  readonly source: 'random';
  readonly prepare: (batchSize: number) => Prepared;
}

export type Workload = SequentialWorkload | GraphWorkload;

export async function prepare(workload: Workload): Promise<Prepared> {
  if ('prepare' in workload) return workload.prepare(workload.batchSize);
  const model = buildModel(workload);
  return { model, data: await loadData(workload.source, { ...workload, outputShape: model.outputShape }) };
}

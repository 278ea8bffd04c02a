/** A workload's model and the samples that it is trained on. */
import type { Dataset, InputShape, Model } from '../lib/index.ts';
import { loadData } from './data.ts';
import { buildModel } from './spec.ts';
import type { Workload } from './workloads.ts';

/** Whose shapes are known at run time only. */
export type AnyModel = Model<InputShape>;
export type AnyDataset = Dataset<InputShape, 'class' | 'values'>;

export interface Prepared {
  readonly model: AnyModel;
  /** Of whole batches. */
  readonly data: AnyDataset;
}

export async function prepare(workload: Workload): Promise<Prepared> {
  if ('prepare' in workload) return workload.prepare(workload.batchSize);
  const model = buildModel(workload);
  return { model, data: await loadData(workload.source, { ...workload, outputShape: model.outputShape }) };
}

import { GradloomError } from '../core/errors.ts';
import { formatShape, type InputShape, isNamed } from '../core/shape.ts';
import { loadModel } from '../models/load-model.ts';
import type { Model } from '../models/model.ts';

/** A model that takes one file of samples. */
export async function loadOneInput(path: string): Promise<Model> {
  const model = await loadModel<InputShape>(path);
  if (!isNamed(model.inputShape)) return model as Model;
  throw new GradloomError(
    'INVALID_OPTION',
    `${path}: the model has the inputs ${formatShape(model.inputShape)}, which no one file holds; use it in a program`,
  );
}

import { GradloomError } from '../core/errors.ts';
import { formatShape, type InputShape, isNamed } from '../core/shape.ts';
import { loadModel } from '../models/load-model.ts';
import type { Model } from '../models/model.ts';

/** A model whose samples one file holds: of one input, or of inputs that are a table's columns. */
export async function loadForFile(path: string): Promise<Model> {
  const model = await loadModel<InputShape, InputShape>(path);
  if (isNamed(model.outputShape)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${path}: the model has the heads ${formatShape(model.outputShape)}, for which no one file holds the targets; use it in a program`,
    );
  }
  if (!isNamed(model.inputShape) || model.table !== undefined) return model as Model;
  throw new GradloomError(
    'INVALID_OPTION',
    `${path}: the model has the inputs ${formatShape(model.inputShape)}, which no one file holds; use it in a program`,
  );
}

/** `gradloom evaluate`: how good a saved model is on labelled data. */
import { existsSync, statSync } from 'node:fs';
import { GradloomError } from '../../core/errors.ts';
import { formatShape } from '../../core/shape.ts';
import type { Dataset } from '../../datasets/dataset.ts';
import { imageFolder } from '../../datasets/images/image-folder.ts';
import type { Model } from '../../models/model.ts';
import { shortList } from '../data/column-notes.ts';
import { isLibsvm, readLibsvmFor } from '../data/libsvm-data.ts';
import { readLabelledLike } from '../data/table-data.ts';
import { readSet } from '../data/training-data.ts';
import { EXIT } from '../exit-codes.ts';
import { preparedFor } from '../fit.ts';
import { loadForFile } from '../load-for-file.ts';
import { measure, sayMeasures } from '../measure.ts';
import { countOf, type Output } from '../output.ts';

export interface EvaluateCommand {
  readonly delimiter?: string;
  readonly header: boolean;
  readonly firstFeature?: 0 | 1;
  readonly threads: number;
}

export async function evaluate(
  modelPath: string,
  dataPath: string,
  command: EvaluateCommand,
  output: Output,
): Promise<number> {
  const model = await loadForFile(modelPath);
  const { dataset: read, notes } = await readLabelled(model, dataPath, command);
  const dataset = preparedFor(model, read);
  const isPictures = model.inputShape.length === 3;
  output.tell('model', modelPath);
  output.tell('data', `${dataPath}: ${countOf(dataset.length, isPictures ? 'picture' : 'row')}`, ...notes);
  const measures = await measure(model, dataset, { threads: command.threads });
  sayMeasures(measures, isPictures ? 'pictures' : 'rows', output);
  output.give({ model: modelPath, data: dataPath, ...measures });
  return EXIT.done;
}

interface Labelled {
  readonly dataset: Dataset;
  /** On what was left out. */
  readonly notes: readonly string[];
}

async function readLabelled(model: Model, path: string, command: EvaluateCommand): Promise<Labelled> {
  const set = await readSet(path);
  if (set !== undefined) {
    checkTakes(model, path, set);
    return { dataset: set, notes: [] };
  }
  const isFolder = existsSync(path) && statSync(path).isDirectory();
  if (model.inputShape.length === 3) {
    const [height, width, channels] = model.inputShape as readonly [number, number, 1 | 3];
    if (isFolder || !existsSync(path)) {
      const { classNames } = model;
      const dataset = await imageFolder(path, {
        size: [height, width],
        channels,
        broken: 'skip',
        ...(classNames === undefined ? {} : { classNames }),
      });
      return { dataset, notes: [] };
    }
    throw new GradloomError(
      'INVALID_OPTION',
      `${path}: is a file, and the model takes pictures; give the folder with a folder for each class`,
    );
  }
  if (isLibsvm(path)) {
    const labelKind = model.classNames === undefined ? 'values' : 'class';
    return { dataset: await readLibsvmFor(model, path, labelKind, command.firstFeature), notes: [] };
  }
  const { table } = model;
  if (table === undefined || table.targets.length === 0) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${path}: the model takes ${formatShape(model.inputShape)} and was not trained on a table with a target; evaluate it in a program`,
    );
  }
  return readLabelledLike(
    path,
    { delimiter: command.delimiter, header: command.header ? 'row' : 'none' },
    table,
  );
}

function checkTakes(model: Model, name: string, set: Dataset): void {
  const [takes, has] = [formatShape(model.inputShape), formatShape(set.inputShape)];
  const names = [model.classNames, set.classNames].map((given) => JSON.stringify(given));
  if (takes === has && names[0] === names[1]) return;
  throw new GradloomError(
    'INVALID_DATA',
    `${name}: has samples of ${has} and the classes ${shortList(set.classNames ?? [])}; the model takes ${takes} and gives ` +
      `${model.classNames === undefined ? 'amounts' : shortList(model.classNames)}`,
  );
}

/** `gradloom inspect`: what a file of a model holds. */
import { stat } from 'node:fs/promises';
import { formatShape } from '../../core/shape.ts';
import type { Column } from '../../datasets/parts/table.ts';
import { readModelFile } from '../../models/files/model-file.ts';
import { loadModel } from '../../models/load-model.ts';
import { stateOf } from '../../models/model.ts';
import { EXIT } from '../exit-codes.ts';
import { countOf, formatCount, type Output } from '../output.ts';

export async function inspect(path: string, output: Output): Promise<number> {
  const model = await loadModel(path);
  const { trainer } = await readModelFile(path);
  const { size } = await stat(path);
  const loss = stateOf(model).training?.loss;
  const { table, firstFeature, classNames, preprocessing, inputShape, outputShape, parameterCount, layers } =
    model;
  output.tell('file', `${path}, ${formatCount(size)} bytes`);
  output.tell(
    'takes',
    table === undefined
      ? `samples of ${formatShape(inputShape)}${firstFeature === undefined ? '' : `, of LIBSVM's files with features from ${firstFeature}`}`
      : table.inputs.map(describeColumn).join(', '),
  );
  output.tell(
    'gives',
    classNames === undefined
      ? describeOutput(outputShape, table?.targets)
      : `${classNames.length} classes: ${classNames.join(', ')}`,
  );
  output.tell('loss', loss === undefined ? 'none; it was not trained' : loss.kind);
  const checkpoint = trainer as
    | {
        readonly epochs?: number;
        readonly steps?: number;
        readonly optimizer?: { readonly kind: string };
        readonly optimizers?: Readonly<Record<string, { readonly kind: string }>>;
      }
    | undefined;
  if (checkpoint !== undefined) {
    const others = Object.entries(checkpoint.optimizers ?? {}).map(([name, { kind }]) => `${name} ${kind}`);
    const kinds = [checkpoint.optimizer?.kind, ...others];
    output.tell(
      'checkpoint',
      `${countOf(checkpoint.epochs ?? 0, 'epoch')}, ${countOf(checkpoint.steps ?? 0, 'step')} with ${kinds.join(', ')}; Trainer.load goes on from there`,
    );
  }
  output.say(`\n${model.summary()}`);
  output.give({
    file: path,
    bytes: size,
    inputShape,
    outputShape,
    parameters: parameterCount,
    layers,
    loss: loss?.toSpec() ?? null,
    classNames: classNames ?? null,
    table: table === undefined ? null : { inputs: table.inputs, targets: table.targets },
    firstFeature: firstFeature ?? null,
    preprocessing: preprocessing ?? null,
    inputs: model.inputs === undefined ? null : Object.keys(model.inputs),
    trainer: trainer ?? null,
  });
  return EXIT.done;
}

function describeColumn(column: Column): string {
  return column.kind === 'number' ? column.name : `${column.name} (${column.categories.length} categories)`;
}

function describeOutput(shape: readonly number[], targets: readonly Column[] = []): string {
  return targets.length === 0
    ? `values of ${formatShape(shape)}`
    : targets.map(({ name }) => name).join(', ');
}

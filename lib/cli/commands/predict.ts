/** `gradloom predict`: one line of CSV or JSON for each row or picture, in their order. */
import { existsSync, statSync } from 'node:fs';
import { GradloomError } from '../../core/errors.ts';
import { formatShape } from '../../core/shape.ts';
import { type AnyDataset, type Dataset, partsOf } from '../../datasets/dataset.ts';
import { decodeImages } from '../../datasets/images/decode-images.ts';
import { listFiles } from '../../datasets/images/image-list.ts';
import { toImageFormat } from '../../datasets/images/image-options.ts';
import { readTable } from '../../datasets/tables/read-table.ts';
import { writeFileAtomic } from '../../formats/files.ts';
import { decodeImage, loadSharp } from '../../formats/image.ts';
import { type Model, stateOf } from '../../models/model.ts';
import { isLibsvm, readLibsvmFor } from '../data/libsvm-data.ts';
import { readLike } from '../data/table-data.ts';
import { openTable, type SourceOptions } from '../data/table-source.ts';
import { EXIT } from '../exit-codes.ts';
import { preparedFor } from '../fit.ts';
import { loadForFile } from '../load-for-file.ts';
import { countOf, type Output } from '../output.ts';

export interface PredictCommand {
  readonly delimiter?: string;
  readonly header: boolean;
  readonly firstFeature?: 0 | 1;
  readonly out?: string;
  readonly probabilities?: boolean;
  readonly threads: number;
}

interface Samples {
  /** As the model takes them raw. */
  readonly values: Float32Array | Uint8Array | AnyDataset;
  readonly count: number;
  /** Of pictures their paths. */
  readonly files: readonly string[] | undefined;
}

/** One sample's answer, in the order of its columns. */
type Answer = Readonly<Record<string, string | number>>;

export async function predict(
  modelPath: string,
  dataPath: string,
  command: PredictCommand,
  output: Output,
): Promise<number> {
  const model = await loadForFile(modelPath);
  const samples =
    model.inputShape.length === 3
      ? await readPictures(model, dataPath)
      : await readRows(model, dataPath, command);
  const answers = await answer(model, samples, command);
  const text = output.isHuman
    ? toCsv(answers)
    : `${answers.map((each) => JSON.stringify(each)).join('\n')}\n`;
  if (command.out === undefined) process.stdout.write(text);
  else {
    await writeFileAtomic(command.out, new TextEncoder().encode(text));
    output.say(`wrote ${countOf(answers.length, 'prediction')} to ${command.out}`);
  }
  return EXIT.done;
}

async function readRows(model: Model, path: string, command: PredictCommand): Promise<Samples> {
  if (existsSync(path) && statSync(path).isDirectory()) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${path}: is a folder, and the model takes rows of ${formatShape(model.inputShape)}; give a file`,
    );
  }
  if (isLibsvm(path)) {
    const dataset = await readLibsvmFor(model, path, 'values', command.firstFeature);
    return { values: preparedFor(model, dataset), count: dataset.length, files: undefined };
  }
  const options: SourceOptions = { delimiter: command.delimiter, header: command.header ? 'row' : 'none' };
  const { table } = model;
  const dataset =
    table === undefined
      ? await readTable((await openTable(path, options)).source, {
          target: undefined,
          labelKind: 'none',
          columns: undefined,
          types: undefined,
          categories: undefined,
          missing: undefined,
          unknown: undefined,
          hash: undefined,
          like: undefined,
        })
      : await readLike(path, options, table);
  if (model.inputs !== undefined)
    return { values: preparedFor(model, dataset), count: dataset.length, files: undefined };
  if (dataset.inputShape[0] !== model.inputShape[0]) {
    throw new GradloomError(
      'SHAPE_MISMATCH',
      `${path}: gives ${dataset.inputShape[0]} numbers a row, the model takes ${model.inputShape[0]}; it was trained on arrays and knows no columns`,
    );
  }
  return { values: partsOf(dataset).inputs as Float32Array, count: dataset.length, files: undefined };
}

async function readPictures(model: Model, path: string): Promise<Samples> {
  if (!existsSync(path))
    throw new GradloomError('FILE_NOT_FOUND', `${path}: there is no such file or folder`);
  const [height, width, channels] = model.inputShape as readonly [number, number, 1 | 3];
  const sharp = await loadSharp('predict');
  const format = toImageFormat({ size: [height, width], channels, fit: 'fill' });
  if (!statSync(path).isDirectory())
    return { values: await decodeImage(sharp, path, { name: path, format }), count: 1, files: [path] };
  const files = await listFiles(path);
  if (files.length === 0)
    throw new GradloomError('INVALID_DATA', `${path}: the folder is empty; expected pictures in it`);
  const { pixels, kept } = await decodeImages('predict', path, { sharp, files, format, broken: 'skip' });
  const size = height * width * channels;
  // Pixels of what is no picture go from between the others.
  for (const [to, from] of kept.entries()) pixels.copyWithin(to * size, from * size, (from + 1) * size);
  return {
    values: pixels.subarray(0, kept.length * size),
    count: kept.length,
    files: kept.map((place) => files[place] as string),
  };
}

async function answer(model: Model, samples: Samples, command: PredictCommand): Promise<Answer[]> {
  const { values, count, files } = samples;
  const { threads } = command;
  const named = (i: number): Answer => (files === undefined ? {} : { file: files[i] as string });
  const outputs = (await model.predict(values as Dataset, { threads })).data;
  const width = outputs.length / count;
  const classes = stateOf(model).training?.loss?.classify(outputs, width);
  if (classes === undefined || classes.labels.length !== count) {
    const columns = width === 1 ? ['prediction'] : Array.from({ length: width }, (_, k) => `prediction ${k}`);
    return Array.from({ length: count }, (_, i) => ({
      ...named(i),
      ...Object.fromEntries(
        columns.map((name, k) => [name, toFloat32Digits(outputs[i * width + k] as number)]),
      ),
    }));
  }
  const { labels, probabilities } = classes;
  const nameOf = (label: number) => model.classNames?.[label] ?? `${label}`;
  return Array.from(labels, (label, i) => {
    const all = probabilities.subarray(i * width, (i + 1) * width);
    // A single output is the probability of class 1.
    const probability = width === 1 ? (label === 1 ? all[0] : 1 - (all[0] as number)) : all[label];
    const each =
      command.probabilities === true && width > 1
        ? [...all].map((value, k) => [`p(${nameOf(k)})`, round(value)])
        : [];
    return {
      ...named(i),
      prediction: nameOf(label),
      probability: round(probability as number),
      ...Object.fromEntries(each),
    };
  });
}

/** What a float32 knows of a value. */
function toFloat32Digits(value: number): number {
  return Number(value.toPrecision(7));
}

function round(probability: number): number {
  return Number(probability.toFixed(6));
}

function toCsv(answers: readonly Answer[]): string {
  const columns = Object.keys(answers[0] ?? {});
  const rows = answers.map((each) => columns.map((name) => toField(each[name] as string | number)).join(','));
  return `${[columns.map(toField).join(','), ...rows].join('\n')}\n`;
}

function toField(value: string | number): string {
  const text = `${value}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

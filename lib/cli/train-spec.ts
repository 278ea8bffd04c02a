/** `gradloom train spec.json`: data, model and trainer in a file, in place of options. */
import { readFile } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { GradloomError } from '../core/errors.ts';
import {
  anything,
  extent,
  formatValue,
  guardedBy,
  integer,
  listThat,
  numberThat,
  oneOf,
  optional,
  pairOf,
  readOptions,
  required,
  seed,
  text,
  threads,
} from '../core/options.ts';
import { firstFeature } from '../datasets/sparse/libsvm.ts';
import { openFile } from '../formats/files.ts';
import type { TrainCommand } from './commands/train.ts';
import { PRESETS } from './presets.ts';

const names = guardedBy(
  'a list of column names',
  (given): given is readonly string[] =>
    Array.isArray(given) && given.every((name) => typeof name === 'string' && name !== ''),
);

const SPEC = {
  data: required(anything('a path, or an object such as { "path": "houses.csv", "target": "price" }')),
  model: optional(anything('a preset such as "mlp", or an object with preset, units or layers')),
  trainer: optional(anything('an object such as { "optimizer": "adam", "epochs": 50 }')),
  out: optional(text),
  report: optional(text),
};

const DATA = {
  path: required(text),
  target: optional(text),
  task: optional(oneOf('auto', 'classification', 'regression')),
  ignore: optional(names),
  keep: optional(names),
  categories: optional(names),
  firstFeature: optional(firstFeature),
  missing: optional(oneOf('auto', 'error')),
  delimiter: optional(text),
  header: optional(oneOf('row', 'none')),
  size: optional(pairOf(extent)),
  channels: optional(guardedBy('1 or 3', (given): given is 1 | 3 => given === 1 || given === 3)),
  validation: optional(numberThat('a number from 0 to below 1', (value) => value >= 0 && value < 1)),
};

const MODEL = {
  preset: optional(oneOf(...PRESETS)),
  units: optional(listThat('a list of integers of at least 1', extent)),
  layers: optional(
    guardedBy(
      'a list of layers such as { "kind": "dense", "units": 10 }',
      (given): given is readonly object[] => Array.isArray(given) && given.length > 0,
    ),
  ),
};

const TRAINER = {
  optimizer: optional(anything('a name, or an object such as { "kind": "sgd", "momentum": 0.9 }')),
  wideOptimizer: optional(anything('a name, or an object such as { "kind": "ftrl", "l1": 0.05 }')),
  loss: optional(anything('a name, or an object such as { "kind": "huber", "delta": 2 }')),
  epochs: optional(extent),
  batchSize: optional(extent),
  patience: optional(integer(0)),
  weights: optional(oneOf('best', 'last')),
  seed: optional(seed),
  threads: optional(threads),
};

export interface TrainSpec {
  readonly data: string;
  readonly command: Partial<TrainCommand>;
}

/** Undefined for a file that is none. A list in JSON is data, an object is a spec. */
export async function readTrainSpec(path: string): Promise<TrainSpec | undefined> {
  if (extname(path).toLowerCase() !== '.json' || !(await beginsWithBrace(path))) return undefined;
  const spec = await readJson(path);
  if (!Object.keys(SPEC).some((name) => Object.hasOwn(spec, name))) {
    throw new GradloomError(
      'FILE_FORMAT',
      `${path}: an object in JSON is a spec with data, model and trainer, and this has none of them; rows are a list of objects, [{ ... }, { ... }]`,
    );
  }
  const { data, model, trainer, out, report } = readOptions(path, spec, SPEC);
  const from = (file: string) => resolve(dirname(path), file);
  const { path: dataPath, channels, header, ...columns } = readPart(path, 'data', data, 'path', DATA);
  const { preset, ...net } = readPart(path, 'model', model ?? {}, 'preset', MODEL);
  if (net.layers !== undefined && (preset ?? net.units) !== undefined) {
    throw specError(path, 'model has layers, which leave nothing to preset and units; leave those out');
  }
  const { optimizer, wideOptimizer, ...training } = readPart(
    path,
    'trainer',
    trainer ?? {},
    'optimizer',
    TRAINER,
  );
  const command: Partial<Record<keyof TrainCommand, unknown>> = {
    ...columns,
    ...net,
    ...training,
    ...readOptimizer(path, optimizer),
    ...readWideOptimizer(path, wideOptimizer),
    model: preset,
    channels: channels === undefined ? undefined : `${channels}`,
    header: header === undefined ? undefined : header === 'row',
    out: out && from(out),
    report: report && from(report),
  };
  const given = Object.entries(command).filter(([, value]) => value !== undefined);
  return { data: isName(dataPath) ? dataPath : from(dataPath), command: Object.fromEntries(given) };
}

/** Of a set, such as iris: no path has neither a folder nor an ending. */
function isName(path: string): boolean {
  return /^[a-z-]+$/.test(path);
}

/** A part that may be given by its most important option alone. */
function readPart<Table extends Parameters<typeof readOptions>[2]>(
  path: string,
  name: string,
  given: unknown,
  main: keyof Table & string,
  table: Table,
) {
  const options = typeof given === 'string' ? { [main]: given } : given;
  return readOptions(`${path}: ${name}`, options as object, table);
}

function readOptimizer(path: string, given: unknown): Partial<TrainCommand> {
  if (given === undefined) return {};
  const { kind, learningRate, ...set } = readKind(path, 'optimizer', given);
  return { optimizer: kind, set, ...(learningRate === undefined ? {} : { learningRate }) };
}

function readWideOptimizer(path: string, given: unknown): Partial<TrainCommand> {
  if (given === undefined) return {};
  const { kind, ...wideSet } = readKind(path, 'wideOptimizer', given);
  return { wideOptimizer: kind, wideSet };
}

function readKind(path: string, field: string, given: unknown) {
  const options = typeof given === 'string' ? { kind: given } : (Object(given) as Record<string, unknown>);
  if (typeof options.kind === 'string') return options as Record<string, unknown> & { readonly kind: string };
  throw specError(
    path,
    `trainer.${field} must be a name or an object with a kind, such as { "kind": "sgd" }, got ${formatValue(given)}`,
  );
}

async function beginsWithBrace(path: string): Promise<boolean> {
  const file = await openFile(path).catch(() => undefined);
  if (file === undefined) return false;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(256), 0, 256, 0);
    return buffer
      .toString('utf8', 0, bytesRead)
      .replace(/^\uFEFF/, '')
      .trimStart()
      .startsWith('{');
  } finally {
    await file.close();
  }
}

async function readJson(path: string): Promise<object> {
  try {
    return JSON.parse((await readFile(path, 'utf8')).replace(/^\uFEFF/, '')) as object;
  } catch (error) {
    throw new GradloomError('FILE_FORMAT', `${path}: is no JSON: ${(error as Error).message}`);
  }
}

function specError(path: string, problem: string): GradloomError {
  return new GradloomError('INVALID_OPTION', `${path}: ${problem}`);
}

/** The options of the command line over those of the spec: what was typed counts. */
export function mergeCommands(
  typed: TrainCommand,
  { command }: TrainSpec,
  isTyped: (name: string) => boolean,
): TrainCommand {
  const names = Object.keys(command).filter((name) => !isTyped(name));
  // Rates and options of one optimizer are not another's, and layers no preset's.
  const dropped = [
    ...(isTyped('optimizer') ? ['learningRate', 'set'] : []),
    ...(isTyped('wideOptimizer') ? ['wideSet'] : []),
    ...(isTyped('model') || isTyped('units') ? ['layers'] : []),
  ];
  const kept = names.filter((name) => !dropped.includes(name));
  return { ...typed, ...Object.fromEntries(kept.map((name) => [name, command[name as keyof TrainCommand]])) };
}

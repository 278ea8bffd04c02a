/**
 * Models and checkpoints in files: safetensors with these metadata, all strings. `format` is `gradloom`,
 * `formatVersion` is `1`, `architecture` the network as JSON, `preprocessing` (JSON) and `loss`
 * (JSON, or its kind alone) what the model was trained with, if it was, `table`, `vectorizer`, `firstFeature` and `classNames` (JSON) how
 * rows, texts and LIBSVM's files are read and classes are called, if they are, `inputs` (JSON) how each of several inputs is read, and `trainer` a trainer's settings and counts as JSON in a
 * checkpoint, which holds the optimizer's state too. A checkpoint of a run has the metadata `run` (JSON) and tensors named
 * `@run.*`: how far it has come, and what it needs to go on. A recommender has `recommender` (JSON) and `@recommender.*`: whom it knows.
 */
import { GradloomError, MissingFunction } from '../../core/errors.ts';
import {
  anything,
  formatValue,
  guardedBy,
  optional,
  readOptions,
  readValue,
  required,
  sampleShape,
  text,
} from '../../core/options.ts';
import { formatShape, type Shape, sameShape } from '../../core/shape.ts';
import { readPreprocessing } from '../../datasets/parts/preprocessing.ts';
import type { Table } from '../../datasets/parts/table.ts';
import { readTableRecord, tableToRecord } from '../../datasets/parts/table-record.ts';
import { firstFeature } from '../../datasets/sparse/libsvm.ts';
import { classNames } from '../../datasets/values/labels.ts';
import { toFloat32InTurns } from '../../formats/float32.ts';
import { readSafetensors, type WrittenTensor, writeSafetensors } from '../../formats/safetensors.ts';
import type { Header } from '../../formats/safetensors-header.ts';
import type { Tensor } from '../../formats/tensor.ts';
import type { Loss } from '../../losses/loss.ts';
import { makeLoss } from '../../losses/make-loss.ts';
import { makeVectorizer } from '../../text/make-vectorizer.ts';
import type { Vectorizer } from '../../text/vectorizer.ts';
import { readHeads } from '../heads.ts';
import { makeGraphLayer } from '../network/make-layer.ts';
import { type NamedLayer, type Network, nameLayers } from '../network/network.ts';
import type { InputReading, TrainingRecord } from '../training-record.ts';
import type { Weight, Weights } from './weights.ts';

const FORMAT = 'gradloom';
const VERSION = 1;

export interface ModelFile {
  readonly network: Network;
  readonly training: TrainingRecord | undefined;
  /** The weights, and in a checkpoint the optimizer's state. */
  readonly tensors: Weights;
  /** A trainer's settings, plain data; undefined in a file that holds a model only. */
  readonly trainer: unknown;
  /** Of a run that was under way, which trainers know to read. */
  readonly run?: FilePart | undefined;
  /** Which estimators know to read. */
  readonly recommender?: FilePart | undefined;
}

/** What a file holds beside a model and a trainer. */
export interface FilePart {
  /** Plain data. */
  readonly state: unknown;
  /** By their names in the file, without what they all begin with. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

const PARTS = ['run', 'recommender'] as const;

/** What the names of a part's tensors begin with, and no layer's. */
const prefixOf = (part: (typeof PARTS)[number]) => `@${part}.`;

/** Writes a file, all or nothing, while the event loop stays free. */
export function writeModelFile(path: string, file: ModelFile): Promise<void> {
  return writeSafetensors(path, ...describeModelFile(file));
}

type Entry = readonly [name: string, tensor: WrittenTensor];

function describeModelFile({
  network,
  training,
  tensors,
  trainer,
  ...parts
}: ModelFile): [entries: readonly Entry[], metadata: Readonly<Record<string, string>>] {
  const metadata: Record<string, string> = {
    format: FORMAT,
    formatVersion: String(VERSION),
    architecture: JSON.stringify(network),
  };
  if (training !== undefined) {
    metadata.preprocessing = JSON.stringify(training.preprocessing);
    if (training.loss !== undefined) metadata.loss = JSON.stringify(training.loss.toSpec());
    if (training.inputs !== undefined) metadata.inputs = JSON.stringify(inputsToRecord(training.inputs));
    if (training.table !== undefined) metadata.table = JSON.stringify(tableToRecord(training.table));
    if (training.vectorizer !== undefined) metadata.vectorizer = JSON.stringify(training.vectorizer);
    if (training.firstFeature !== undefined) metadata.firstFeature = JSON.stringify(training.firstFeature);
    if (training.classNames !== undefined) metadata.classNames = JSON.stringify(training.classNames);
  }
  if (trainer !== undefined) metadata.trainer = JSON.stringify(trainer);
  const ofParts: Entry[] = [];
  for (const name of PARTS) {
    const part = parts[name];
    if (part === undefined) continue;
    metadata[name] = JSON.stringify(part.state);
    for (const [tensorName, tensor] of part.tensors) ofParts.push([prefixOf(name) + tensorName, tensor]);
  }
  const halves = new Set(network.layers.filter(isOfBfloat16).map(({ name }) => `${name}.weight`));
  const entries = Object.entries(tensors).map(([name, { data, shape }]): Entry => {
    // What the native side gives is never shared memory.
    const floats = data as Float32Array<ArrayBuffer>;
    return [
      name,
      halves.has(name) ? { dtype: 'BF16', data: floats, shape } : { dtype: 'F32', data: floats, shape },
    ];
  });
  return [[...entries, ...ofParts], metadata];
}

/** Whether its table is: the same weights as floats have lower halves of zeros. */
function isOfBfloat16(layer: NamedLayer): boolean {
  return 'dtype' in layer && layer.dtype === 'bfloat16';
}

/** Reads a file and checks all of it but the tensors' names and shapes, which are the model's to know. */
export async function readModelFile(path: string): Promise<ModelFile> {
  const { metadata, tensors: all } = await readSafetensors(path, {
    checkHeader: (header) => checkFormat(header, path),
  });
  const tensors = new Map(all);
  const network = readField(path, metadata, 'architecture', readNetwork);
  if (network === undefined) throw fileError(path, 'metadata "architecture" is missing');
  const preprocessing = readField(path, metadata, 'preprocessing', (given) =>
    readPreprocessing(given, network.nodes === undefined ? network.inputShape : [1]),
  );
  const loss = readLoss(path, metadata);
  const takePart = (part: (typeof PARTS)[number]): FilePart | undefined => {
    const prefix = prefixOf(part);
    const own = new Map<string, Tensor>();
    for (const [name, tensor] of tensors) {
      if (!name.startsWith(prefix)) continue;
      own.set(name.slice(prefix.length), tensor);
      tensors.delete(name);
    }
    const read = readField(path, metadata, part, (state): FilePart => ({ state, tensors: own }));
    if (read === undefined && own.size > 0) throw fileError(path, `metadata "${part}" is missing`);
    return read;
  };
  const [run, recommender] = PARTS.map(takePart);
  const weights: [string, Weight][] = [];
  for (const [name, tensor] of tensors) {
    const { dtype, shape } = tensor;
    const data = dtype === 'F32' || dtype === 'BF16' ? await toFloat32InTurns(tensor) : undefined;
    if (data === undefined) {
      throw fileError(path, `tensor ${formatValue(name)} has dtype ${dtype}, expected F32 or BF16`);
    }
    weights.push([name, { data, shape }]);
  }
  return {
    network,
    training:
      preprocessing === undefined
        ? undefined
        : {
            preprocessing,
            loss,
            table: readField(path, metadata, 'table', (given) => readTable(given, onlyShape(network))),
            vectorizer: readField(path, metadata, 'vectorizer', (given) =>
              readVectorizer(given, onlyShape(network)),
            ),
            firstFeature: readField(path, metadata, 'firstFeature', (given) =>
              readValue('firstFeature', 'firstFeature', given, firstFeature),
            ),
            inputs: readField(path, metadata, 'inputs', (given) => readInputs(given, network)),
            classNames: readField(path, metadata, 'classNames', (given) =>
              readValue('classNames', 'classNames', given, classNames),
            ),
          },
    tensors: Object.fromEntries(weights),
    trainer: readField(path, metadata, 'trainer', (given) => given),
    run,
    recommender,
  };
}

/** An error about a file's contents. */
export function fileError(path: string, text: string, cause?: unknown): GradloomError {
  return new GradloomError('FILE_FORMAT', `${path}: ${text}`, { cause });
}

/**
 * Whether a file is ours and of a version that this code reads. Comes first: a later version may change all
 * the rest.
 */
function checkFormat({ metadata }: Header, path: string): void {
  const format = metadata.get('format')?.value;
  const version = metadata.get('formatVersion')?.value;
  if (format !== FORMAT) {
    throw fileError(
      path,
      `metadata "format" must be "${FORMAT}", got ${formatValue(format)}; it is no model of Gradloom's: ` +
        'build the model and load the weights by its loadWeights or loadPyTorch',
    );
  }
  if (version === String(VERSION)) return;
  if (version !== undefined && /^[1-9][0-9]{0,8}$/.test(version)) {
    throw fileError(
      path,
      `it was written by a newer Gradloom (format version ${version}, this one reads ${VERSION}); update gradloom`,
    );
  }
  throw fileError(path, `metadata "formatVersion" must be "${VERSION}", got ${formatValue(version)}`);
}

/** Parses a metadata string as JSON and reads it; undefined if it is not there. */
function readField<Value>(
  path: string,
  metadata: Readonly<Record<string, string>>,
  field: string,
  read: (given: unknown) => Value,
): Value | undefined {
  const text = metadata[field];
  if (text === undefined) return undefined;
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw fileError(path, `metadata "${field}" is not JSON`, error);
  }
  return explain(path, field, () => read(given));
}

/** Puts the file and the field before what is wrong in it. */
export function explain<Value>(path: string, field: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof GradloomError) || error instanceof MissingFunction) throw error;
    // A lack of memory is no fault of the file.
    if (error.code === 'OUT_OF_MEMORY') throw error;
    throw fileError(path, `metadata "${field}": ${error.message}`, error);
  }
}

const list = guardedBy('a list', (given): given is readonly unknown[] => Array.isArray(given));
const ARCHITECTURE = { inputShape: required(sampleShape), layers: required(list) };
const GRAPH = {
  inputs: required(list),
  layers: required(list),
  nodes: required(list),
  heads: optional(list),
};
const GRAPH_INPUT = { name: required(text), shape: required(sampleShape) };
const GRAPH_NODE = { layer: required(text), inputs: required(list) };
function readNetwork(given: unknown): Network {
  if (typeof given === 'object' && given !== null && 'nodes' in given) return readGraph(given);
  const { inputShape, layers } = readOptions('architecture', given as object, ARCHITECTURE);
  return { inputShape, layers: nameLayers('architecture', layers) };
}

/** What nodes read is the native side's to check. */
function readGraph(given: object): Network {
  const graph = readOptions('architecture', given, GRAPH);
  const layers = nameLayers('architecture', graph.layers, makeGraphLayer);
  const inputs = graph.inputs.map((input) =>
    readOptions('architecture: inputs', input as object, GRAPH_INPUT),
  );
  const nodes = graph.nodes.map((item, place) => {
    const node = readOptions(`architecture: nodes[${place}]`, item as object, GRAPH_NODE);
    if (layers.some(({ name }) => name === node.layer)) return { ...node, inputs: node.inputs.map(String) };
    throw new GradloomError(
      'INVALID_OPTION',
      `architecture: nodes[${place}] names the layer ${formatValue(node.layer)}, which is not there`,
    );
  });
  if (inputs.length === 0 || nodes.length === 0) {
    throw new GradloomError('INVALID_OPTION', 'architecture: a graph has at least one input and one node');
  }
  if (graph.heads === undefined) return { inputs, layers, nodes };
  const uses = new Map<string, number>();
  for (const { layer } of nodes) uses.set(layer, (uses.get(layer) ?? 0) + 1);
  return { inputs, layers, nodes, heads: readHeads(graph.heads, uses) };
}

/** What only models of one input have. */
function onlyShape(network: Network): Shape {
  if (network.nodes === undefined) return network.inputShape;
  throw new GradloomError('INVALID_OPTION', 'architecture: a graph has a table for each of its inputs only');
}

function readLoss(path: string, metadata: Readonly<Record<string, string>>): Loss | undefined {
  const kind = metadata.loss;
  return kind === undefined || kind.startsWith('{')
    ? readField(path, metadata, 'loss', (given) => makeLoss('loss', given))
    : explain(path, 'loss', () => makeLoss('loss', kind));
}

const INPUT_READING = {
  preprocessing: required(anything('a preprocessing')),
  table: optional(anything('a table')),
  vectorizer: optional(anything('a vectorizer')),
  firstFeature: optional(firstFeature),
};

function inputsToRecord(inputs: Readonly<Record<string, InputReading>>): object {
  const records = Object.entries(inputs).map(([name, { preprocessing, table, vectorizer, firstFeature }]) => [
    name,
    { preprocessing, table: table && tableToRecord(table), vectorizer, firstFeature },
  ]);
  return Object.fromEntries(records);
}

function readInputs(given: unknown, network: Network): Readonly<Record<string, InputReading>> {
  const shapes = Object.fromEntries((network.inputs ?? []).map(({ name, shape }) => [name, shape]));
  const table = Object.fromEntries(Object.keys(shapes).map((name) => [name, required(anything('an input'))]));
  const read = Object.entries(readOptions('inputs', given as object, table)).map(([name, item]) => {
    const input = readOptions(`inputs.${name}`, item as object, INPUT_READING);
    const shape = shapes[name] as Shape;
    return [
      name,
      {
        preprocessing: readPreprocessing(input.preprocessing, shape),
        table: input.table === undefined ? undefined : readTable(input.table, shape),
        vectorizer: input.vectorizer === undefined ? undefined : readVectorizer(input.vectorizer, shape),
        firstFeature: input.firstFeature,
      },
    ];
  });
  return Object.fromEntries(read);
}

function readVectorizer(given: unknown, inputShape: Shape): Vectorizer {
  const vectorizer = makeVectorizer(given);
  if (sameShape(inputShape, vectorizer.inputShape)) return vectorizer;
  throw new GradloomError(
    'SHAPE_MISMATCH',
    `vectorizer: gives samples of shape ${formatShape(vectorizer.inputShape)}, the architecture takes ${formatShape(inputShape)}`,
  );
}

function readTable(given: unknown, inputShape: Shape): Table {
  const table = readTableRecord(given);
  if (sameShape(inputShape, [table.featureNames.length])) return table;
  throw new GradloomError(
    'SHAPE_MISMATCH',
    `table: its columns give ${table.featureNames.length} values, the architecture takes samples of shape ${formatShape(inputShape)}`,
  );
}

/** The page itself, top to bottom. */
import { formatShape, isNamed, type NamedShapes } from '../core/shape.ts';
import type { AnyDataset, Dataset } from '../datasets/dataset.ts';
import { SampleStream } from '../datasets/streams/stream.ts';
import type { EpochRecord, History } from '../history/history.ts';
import type { RunFacts } from '../history/run-facts.ts';
import { info } from '../native/info.ts';
import { inWords } from '../plot/epochs.ts';
import { ENDS, eventsOf, figuresOf, formatTime } from './events.ts';
import { factTable, type Html, html, raw, section, table } from './html.ts';
import type { Pictures } from './pictures.ts';
import { STYLE } from './style.ts';

interface Contents {
  readonly title: string;
  readonly facts: RunFacts;
  readonly history: History;
  readonly pictures: Pictures;
}

export function makePage({ title, facts, history, pictures }: Contents): string {
  const { epochs, reason } = history;
  const wanted = Number.isFinite(facts.epochs) ? ` of ${facts.epochs}` : '';
  const ended = `${epochs.length}${wanted} epochs, ${ENDS[reason]}`;
  const lead = `${facts.startedAt.toISOString().replace('T', ' ').slice(0, 19)} UTC, ${ended}`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p class="lead">${lead}</p>
${cards(history)}
${section('Curves', picture(pictures.curves))}${section(
  'Outcome',
  pictures.outcome === undefined
    ? html`<p class="lead">There was no validation set that a confusion matrix or predictions could be drawn of.</p>`
    : picture(pictures.outcome),
)}${section('Throughput', throughput(facts, history), picture(pictures.throughput))}${section('Settings', settings(facts))}${section(
  'Data',
  data(facts),
)}${section('Model', model(facts))}${section('Events', events(history))}<footer>Written by Gradloom ${info().version}.</footer>
</main>
</body>
</html>
`.html;
}

function picture(svg: string): Html {
  return html`<div class="pictures">${raw(svg)}</div>`;
}

function cards({ epochs }: History): Html {
  const last = epochs.at(-1) as EpochRecord;
  const best = bestOf(epochs);
  const figures = Object.entries(figuresOf(last.validation ?? last));
  const where = last.validation === undefined ? 'training' : 'validation';
  const facts: (readonly [value: string, name: string])[] = figures.map(([name, value]) => [
    value,
    `${where} ${name}, last epoch`,
  ]);
  if (last.validation !== undefined)
    facts.push([format(best.validation?.loss ?? 0), `least validation loss, epoch ${best.epoch}`]);
  facts.push([formatTime(total(epochs)), 'training, without validation']);
  facts.push([count(medianRate(epochs)), 'samples a second, median']);
  return html`<div class="cards">${facts.map(([value, name]) => html`<div class="card"><b>${value}</b><span>${name}</span></div>`)}</div>`;
}

function bestOf(epochs: readonly EpochRecord[]): EpochRecord {
  const lossOf = ({ validation }: EpochRecord) => validation?.loss ?? Number.POSITIVE_INFINITY;
  return epochs.reduce((best, epoch) => (lossOf(epoch) < lossOf(best) ? epoch : best));
}

function total(epochs: readonly EpochRecord[]): number {
  return epochs.reduce((sum, { seconds }) => sum + seconds, 0);
}

function medianRate(epochs: readonly EpochRecord[]): number {
  const rates = epochs.map(({ samplesPerSecond }) => samplesPerSecond).sort((a, b) => a - b);
  return Math.round(rates[Math.floor(rates.length / 2)] as number);
}

function throughput({ model }: RunFacts, { epochs }: History): Html {
  const flops = model.layers.reduce((sum, layer) => sum + layer.flops, 0);
  // Forward, the gradient of the inputs and that of the weights: three times the forward pass.
  const rate = (3 * flops * medianRate(epochs)) / 1e9;
  return html`<p class="lead">About ${rate.toPrecision(3)} GFLOP/s in the products of forward and backward passes.</p>`;
}

function settings(facts: RunFacts): Html {
  const { threads, defaultThreads, simdTarget, blas } = { ...facts, ...info() };
  const describe = ({ kind, ...options }: RunFacts['optimizer'] | RunFacts['loss']) => {
    const texts = given(options);
    return texts.length === 0 ? kind : `${kind} (${describeOptions(texts)})`;
  };
  const others = given(facts.options).filter(([name]) => !Object.hasOwn(facts, name));
  return factTable([
    ['optimizer', describe(facts.optimizer)],
    ...Object.entries(facts.optimizers).map(([name, each]) => [`of ${name}`, describe(each)] as const),
    ['loss', describe(facts.loss)],
    ['metrics', facts.metrics.join(', ') || 'none'],
    ['epochs', Number.isFinite(facts.epochs) ? facts.epochs : 'all that the stream gives'],
    ['batch size', facts.batchSize],
    ['shuffle', facts.shuffle],
    ...others.map(([name, value]) => [inWords(name), describeOption(value)] as const),
    ['seed', facts.seed],
    ['not finite', facts.nonFinite],
    ['threads', threads === 0 ? `${defaultThreads} (all)` : threads],
    ['machine', `${process.platform} ${process.arch}, ${simdTarget}, ${blas}, Node.js ${process.version}`],
  ]);
}

function describeOptions(options: readonly (readonly [name: string, value: unknown])[]): string {
  return options.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(', ');
}

function describeOption(value: unknown): string {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? describeOptions(Object.entries(value)) : JSON.stringify(value);
}

/** What was left out, and what holds nothing, says nothing. */
function given(options: object): [name: string, value: unknown][] {
  const isEmpty = (value: unknown) =>
    value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0);
  return Object.entries(options).filter(([, value]) => !isEmpty(value));
}

function data({ train, validation }: RunFacts): Html {
  const size = (set: AnyDataset | undefined) =>
    set === undefined ? 'none' : `${count(set.length)} samples of ${formatShape(set.inputShape)}`;
  const inputs = train instanceof SampleStream ? [] : inputsOf(train);
  const found = inputs.flatMap(([, { table: columns }]) => columns?.report ?? []);
  const described = inputs.map(
    ([name, set]) =>
      html`<p class="lead">As the model sees ${name === undefined ? 'the training data' : `the input ${name}`}, preprocessed:</p><pre>${set.describe().toString()}</pre>`,
  );
  return html`${factTable([
    [
      'training',
      train instanceof SampleStream ? `a stream of samples of ${formatShape(train.inputShape)}` : size(train),
    ],
    ['validation', size(validation)],
    ...(found.length === 0 ? [] : [['found in the file', found.join('; ')] as const]),
  ])}${described}`;
}

/** The inputs of a set by name, or the only one, which has none. */
function inputsOf(set: AnyDataset): readonly (readonly [name: string | undefined, input: Dataset])[] {
  const { inputShape } = set;
  if (!isNamed(inputShape)) return [[undefined, set as Dataset]];
  return Object.keys(inputShape).map((name) => [name, (set as Dataset<NamedShapes>).input(name) as Dataset]);
}

function model({ model: { layers, inputShape, parameterCount } }: RunFacts): Html {
  const rows = layers.map((layer) => [
    layer.name,
    layer.kind,
    formatShape(layer.outputShape),
    count(layer.parameterCount),
    count(layer.flops),
  ]);
  const flops = layers.reduce((sum, layer) => sum + layer.flops, 0);
  const all = [
    ...(isNamed(inputShape)
      ? Object.entries(inputShape).map(([name, shape]) => [name, 'input', formatShape(shape), '', ''])
      : [['input', '', formatShape(inputShape), '', '']]),
    ...rows,
    ['total', '', '', count(parameterCount), count(flops)],
  ];
  return table(['layer', 'kind', 'output', 'parameters', 'FLOPs a sample'], all, [3, 4]);
}

function events(history: History): Html {
  const { heads, rows } = eventsOf(history);
  const figures = heads.slice(1, -1).map((_, column) => column + 1);
  return table(heads, rows, figures);
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function format(value: number): string {
  return figuresOf({ loss: value }).loss as string;
}

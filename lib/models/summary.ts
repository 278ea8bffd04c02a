import { formatShape } from '../core/shape.ts';
import type { NativeLayerInfo } from '../native/index.ts';
import { headsOf } from './heads.ts';
import { type Network, nameOfUse, toLayerSpecs } from './network/network.ts';

const BYTES_PER_PARAMETER = Float32Array.BYTES_PER_ELEMENT;

interface Column {
  readonly heading: string;
  readonly align: 'left' | 'right';
}

const NAMES: readonly Column[] = [
  { heading: 'layer', align: 'left' },
  { heading: 'kind', align: 'left' },
];
const READS: Column = { heading: 'reads', align: 'left' };
const FIGURES: readonly Column[] = [
  { heading: 'output', align: 'left' },
  { heading: 'parameters', align: 'right' },
  { heading: 'bytes', align: 'right' },
  { heading: 'FLOPs/sample', align: 'right' },
];

type Counts = Pick<NativeLayerInfo, 'parameterCount' | 'flops'>;

/**
 * A table of the layers, one line each, with their totals below; of a graph with what each of them reads. Bytes are those
 * of the float32 weights; FLOPs are of one forward pass, two a multiply-add of a layer's products.
 */
export function formatSummary(network: Network, layers: readonly NativeLayerInfo[]): string {
  const total: Counts = {
    parameterCount: layers.reduce((sum, layer) => sum + layer.parameterCount, 0),
    flops: layers.reduce((sum, layer) => sum + layer.flops, 0),
  };
  const isGraph = network.nodes !== undefined;
  const specs = isGraph ? toLayerSpecs(network) : [];
  const reads = (text: string) => (isGraph ? [text] : []);
  const inputs = isGraph
    ? network.inputs.map(({ name, shape }) => [name, 'input', '', formatShape(shape)])
    : [['input', '', formatShape(network.inputShape)]];
  const columns = isGraph ? [...NAMES, READS, ...FIGURES] : [...NAMES, ...FIGURES];
  const rows = [
    columns.map(({ heading }) => heading),
    ...inputs,
    ...layers.map((layer, place) => [
      layer.name,
      layer.kind,
      ...reads((specs[place]?.inputs ?? []).map((name) => name.replace('@', '')).join(', ')),
      formatShape(layer.outputShape),
      ...countCells(layer),
    ]),
    ['total', '', ...reads(''), '', ...countCells(total)],
  ];
  const widths = columns.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => formatRow(columns, row, widths));
  const rule = '-'.repeat(Math.max(...lines.map((line) => line.length)));
  const trainable = layers.reduce((sum, layer) => sum + layer.trainableCount, 0);
  const share =
    trainable === total.parameterCount ? '' : `${formatCount(trainable)} of the parameters are trainable; `;
  const shapes = headsOf(network, layers) ?? [];
  const heads = (network.heads ?? []).map(({ name, layer, use }, place) => {
    return `${name} = ${nameOfUse(layer, use)} ${formatShape(shapes[place]?.shape ?? [])}`;
  });
  const named = heads.length === 0 ? [] : [`heads: ${heads.join(', ')}`];
  return [
    ...[lines[0], rule, ...lines.slice(1, -1), rule, lines.at(-1)],
    ...named,
    share + legend(total),
  ].join('\n');
}

function countCells({ parameterCount, flops }: Counts): string[] {
  return [parameterCount, parameterCount * BYTES_PER_PARAMETER, flops].map(formatCount);
}

function legend({ parameterCount, flops }: Counts): string {
  const bytes = scaled(parameterCount * BYTES_PER_PARAMETER, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);
  const operations = scaled(flops, 1000, ['FLOPs', 'kFLOPs', 'MFLOPs', 'GFLOPs', 'TFLOPs']);
  return `${bytes} of float32 weights; ${operations} forward for one sample, two a multiply-add`;
}

function formatRow(columns: readonly Column[], cells: readonly string[], widths: readonly number[]): string {
  const padded = columns.map(({ align }, column) => {
    const cell = cells[column] ?? '';
    const width = widths[column] as number;
    return align === 'right' ? cell.padStart(width) : cell.padEnd(width);
  });
  return padded.join('  ').trimEnd();
}

function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** `1.5 KiB`: in the largest unit that leaves at least 1, with three digits. */
function scaled(count: number, base: number, units: readonly string[]): string {
  let value = count;
  let place = 0;
  while (value >= base && place < units.length - 1) {
    value /= base;
    place += 1;
  }
  const shown = place === 0 ? String(value) : value >= 999.5 ? value.toFixed(0) : value.toPrecision(3);
  return `${shown} ${units[place]}`;
}

import { formatShape, type Shape } from '../core/shape.ts';
import type { NativeLayerInfo } from '../native.ts';

const HEADINGS = ['layer', 'kind', 'output', 'parameters'] as const;

/** A table of the layers, one line each, with the totals below. */
export function formatSummary(inputShape: Shape, layers: readonly NativeLayerInfo[]): string {
  const rows = [
    HEADINGS,
    ['input', '', formatShape(inputShape), ''],
    ...layers.map((layer) => [
      layer.name,
      layer.kind,
      formatShape(layer.outputShape),
      formatCount(layer.parameterCount),
    ]),
  ];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => formatRow(row, widths));
  const parameters = layers.reduce((sum, layer) => sum + layer.parameterCount, 0);
  const trainable = layers.reduce((sum, layer) => sum + layer.trainableCount, 0);
  const flops = layers.reduce((sum, layer) => sum + layer.flops, 0);
  const rule = '-'.repeat(Math.max(...lines.map((line) => line.length)));
  const trained = trainable === parameters ? '' : ` (${formatCount(trainable)} of them trainable)`;
  const totals = `${formatCount(parameters)} parameters${trained}, ${formatCount(flops)} floating-point operations a sample`;
  return [lines[0], rule, ...lines.slice(1), rule, totals].join('\n');
}

function formatRow(cells: readonly string[], widths: readonly number[]): string {
  const padded = widths.map((width, column) => {
    const cell = cells[column] ?? '';
    return column === widths.length - 1 ? cell.padStart(width) : cell.padEnd(width);
  });
  return padded.join('  ').trimEnd();
}

function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

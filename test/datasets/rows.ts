import type { Dataset } from '../../lib/datasets/index.ts';

export function rowsOf(data: Dataset): number[][] {
  return Array.from({ length: data.length }, (_, place) => [...data.at(place).input]);
}

export function labelsOf(data: Dataset): unknown[] {
  return Array.from({ length: data.length }, (_, place) => data.labelAt(place));
}

/** What losses ask about labels. */
import { type Shape, sizeOf } from '../core/shape.ts';
import type { LabelParts } from '../datasets/parts/dataset-parts.ts';
import type { AcceptsLabel, LabelsInfo, LossLabelKind } from '../losses/loss.ts';

type Parts = Pick<LabelParts, 'labels' | 'labelKind' | 'labelShape' | 'sampleWeights' | 'targets'> &
  Partial<Pick<LabelParts, 'rows'>>;

/** Of `count` samples that have labels. */
export function labelsInfoOf(parts: Parts, count: number): LabelsInfo {
  const { labelKind, labelShape: shape, targets = [] } = parts;
  const all = viewOf(parts, count, { kind: labelKind as LossLabelKind, shape, first: 0 });
  if (targets.length === 0) return all;
  return { ...all, targets: new Map(targets.map((target) => [target.name, viewOf(parts, count, target)])) };
}

/** Of those values of each sample that begin at `first`. */
function viewOf(
  { labels = new Float32Array(), labelShape, rows, sampleWeights }: Parts,
  count: number,
  { kind, shape, first }: { readonly kind: LossLabelKind; readonly shape: Shape; readonly first: number },
): LabelsInfo {
  const [width, size] = [sizeOf(labelShape), sizeOf(shape)];
  const startOf = (place: number) => (rows?.[place] ?? place) * width + first;
  return {
    labelKind: kind,
    labelShape: shape,
    isWeighted: sampleWeights !== undefined,
    highestClass(except) {
      if (kind !== 'class') return -1;
      let highest = -1;
      for (let place = 0; place < count; place++) {
        const label = labels[startOf(place)] as number;
        if (label !== except && label > highest) highest = label;
      }
      return highest;
    },
    findWrong(accepts: AcceptsLabel) {
      for (let place = 0; place < count; place++) {
        const start = startOf(place);
        if (!accepts(labels, start, start + size)) {
          return { place, values: Array.from({ length: size }, (_, i) => labels[start + i] as number) };
        }
      }
      return undefined;
    },
  };
}

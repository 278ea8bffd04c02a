import test from 'ava';
import { formatSummary } from '../../lib/models/summary.ts';

const layer = (name: string, parameterCount: number, flops: number) => ({
  name,
  kind: 'dense',
  outputShape: [3],
  parameterCount,
  trainableCount: parameterCount,
  flops,
});

/** The line below the totals. */
const legend = (parameterCount: number, flops: number) =>
  formatSummary({ inputShape: [2], layers: [] }, [layer('a', parameterCount, flops)])
    .split('\n')
    .at(-1);

test('totals are the sums of the rows, and every line ends where its numbers do', (t) => {
  const lines = formatSummary({ inputShape: [2], layers: [] }, [
    layer('first', 1_000_000, 12),
    layer('second', 2, 34),
  ]).split('\n');
  t.deepEqual(lines.at(-2)?.split(/ {2,}/), ['total', '1,000,002', '4,000,008', '46']);
  const [heading, rule, , first, second, , total] = lines;
  for (const line of [rule, first, second, total]) t.is(line?.length, heading?.length);
});

test('the legend says units, in the largest one that leaves at least 1', (t) => {
  const words = (bytes: string, flops: string) =>
    `${bytes} of float32 weights; ${flops} forward for one sample, two a multiply-add`;
  t.is(legend(0, 0), words('0 B', '0 FLOPs'));
  t.is(legend(255, 999), words('1020 B', '999 FLOPs'));
  t.is(legend(256, 1000), words('1.00 KiB', '1.00 kFLOPs'));
  t.is(legend(262_143, 999_999), words('1024 KiB', '1000 kFLOPs'));
  t.is(legend(2 ** 28, 3.6e9), words('1.00 GiB', '3.60 GFLOPs'));
  t.is(legend(3 * 2 ** 40, 5e15), words('12.0 TiB', '5000 TFLOPs'));
});

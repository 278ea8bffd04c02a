/** What users see of a run's events. */
import type { BatchRecord } from '../../history/history.ts';
import type { Metric } from '../../metrics/metric.ts';
import { toEvaluation } from '../../models/objective.ts';
import type { NativeEpochEvent, NativeProgressEvent } from '../../native/index.ts';

export function toEpochRecord(
  metrics: readonly Metric[],
  { epoch, validation, ...event }: NativeEpochEvent,
): object {
  const { steps, skippedSteps, rateScale, seconds, validationSeconds, samplesPerSecond, penalty } = event;
  const validated = validation === undefined ? {} : { validation: toEvaluation(metrics, validation) };
  const times = { seconds, validationSeconds, samplesPerSecond };
  const peakMemory = process.resourceUsage().maxRSS * 1024;
  const penalized = penalty === undefined ? {} : { penalty };
  const facts = { steps, skippedSteps, rateScale, ...times, peakMemory, ...penalized };
  return Object.freeze({ epoch, ...toEvaluation(metrics, event), ...validated, ...facts });
}

export function toBatchRecord(metrics: readonly Metric[], event: NativeProgressEvent): BatchRecord {
  const { epoch, batch, batches, steps, dropped, loss } = event;
  const figures = metrics.flatMap((metric, index) => {
    const figure = event.metrics[index];
    return typeof figure === 'number' ? [[metric.kind, figure] as const] : [];
  });
  return Object.freeze({ epoch, batch, batches, steps, loss, ...Object.fromEntries(figures), dropped });
}

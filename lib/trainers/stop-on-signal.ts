import { type TrainingRun, whenSettled } from './training-run.ts';

/**
 * Lets a signal to the process stop a run instead of ending the process: the run resolves with the history so
 * far. The signal's second arrival, and any after the run, ends the process as usual.
 *
 * @param signal Default: `'SIGINT'`, which Ctrl-C sends.
 * @returns The run itself.
 */
export function stopOnSignal<Epoch>(
  run: TrainingRun<Epoch>,
  signal: NodeJS.Signals = 'SIGINT',
): TrainingRun<Epoch> {
  const stop = () => run.stop();
  process.once(signal, stop);
  whenSettled(run, () => process.removeListener(signal, stop));
  return run;
}

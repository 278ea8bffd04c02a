import { constants } from 'node:os';
import { guardedBy, instanceOf, readValue } from '../../core/options.ts';
import { TrainingRun, whenSettled } from './training-run.ts';

/** No process is told of these two. */
const UNSEEN = ['SIGKILL', 'SIGSTOP'];

const catchable = guardedBy(
  "the name of a signal that can be caught, such as 'SIGINT'",
  (given): given is NodeJS.Signals =>
    typeof given === 'string' && Object.hasOwn(constants.signals, given) && !UNSEEN.includes(given),
);

/**
 * Lets a signal to the process stop a run instead of ending the process: the run resolves with the history so
 * far. The signal's second arrival, and any after the run, ends the process as usual.
 *
 * @param signal Default: `'SIGINT'`, which Ctrl-C sends.
 * @returns The run itself.
 *
 * Throws `INVALID_OPTION` for another object and for a signal that no process is told of.
 */
export function stopOnSignal<Epoch>(
  run: TrainingRun<Epoch>,
  signal: NodeJS.Signals = 'SIGINT',
): TrainingRun<Epoch> {
  readValue('stopOnSignal', 'run', run, instanceOf('a run, as fit gives it', TrainingRun));
  readValue('stopOnSignal', 'signal', signal, catchable);
  const stop = () => run.stop();
  process.once(signal, stop);
  whenSettled(run, () => process.removeListener(signal, stop));
  return run;
}

#!/usr/bin/env node
/** `gradloom` on the command line. */
import { CommanderError } from 'commander';
import { exitCodeOf } from './exit-codes.ts';
import { reportError } from './output.ts';
import { makeProgram } from './program.ts';

// `gradloom train ... | head` closes the pipe: nobody reads on, but the model is still to be trained and saved.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

// Such as of files that are no pictures and were left out; Node.js would print its process id and a hint.
process.removeAllListeners('warning');
process.on('warning', ({ name, message }) => {
  process.stderr.write(`${name === 'GradloomWarning' ? 'gradloom' : name}: ${message}\n`);
});

async function main(): Promise<void> {
  const program = makeProgram((code) => {
    process.exitCode = code;
  });
  try {
    await program.parseAsync();
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    // commander has said what it had to say.
    if (!(error instanceof CommanderError))
      reportError(error, process.argv.includes('--json') ? 'json' : 'text');
  }
}

void main();

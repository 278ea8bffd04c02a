// `npm start`: the set-up that is missing, then the first example. Arguments after `--` go to the example.
import { spawn } from 'node:child_process';
import { setUp } from './setup.mjs';
import { FASHION_MNIST, runMain } from './system.mjs';

const EXAMPLE = 'examples/07-digits-convnet.ts';

await runMain(async () => {
  const options = process.argv.slice(2);
  const fashionMnist = wantsFashionMnist(options) && !process.env.FASHION_MNIST_DIR;
  setUp(
    ['npm start', ...(options.length > 0 ? ['--', ...options] : [])].join(' '),
    fashionMnist ? [FASHION_MNIST] : [],
  );
  return run(process.execPath, ['--import=tsx', EXAMPLE, ...options]);
});

function wantsFashionMnist(options) {
  return (
    options.includes('--dataset=fashion-mnist') ||
    options[options.indexOf('--dataset') + 1] === 'fashion-mnist'
  );
}

/** Runs to the end, leaving Ctrl-C to the program. */
function run(command, options) {
  const child = spawn(command, options, { stdio: 'inherit' });
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(signal ? 1 : code));
  });
}

/** A SIGBUS that is not about the mapped file: `bus-error.ts <file>`. Prints a value of the file before it. */
import { npy } from '../../../lib/index.ts';

const data = await npy({ inputs: process.argv[2] as string, memory: 'map' });
console.log(data.at(2).input[3]);
process.kill(process.pid, 'SIGBUS');

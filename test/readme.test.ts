/** README's programs compile and run as they stand. */
import { testPrograms } from './programs.ts';

await testPrograms('readme', ['README.md']);

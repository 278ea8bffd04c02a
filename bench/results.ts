/** `npm run bench:results`: writes RESULTS.md anew. */
import { writeFileSync } from 'node:fs';
import { RESULTS_PAGE } from './peers/results-page.ts';

writeFileSync(new URL('RESULTS.md', import.meta.url), RESULTS_PAGE);

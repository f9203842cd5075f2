import { expect, test } from 'vitest';
import { filesBelow, read } from './files.ts';

/** One signal for a process, an attempt of the watch, or an hour of an access token; a command, which ends soon. */
const ALLOWED = [
  'activities/watch.ts',
  'src/cli/campaign/run-drill.ts',
  'src/cli/completion/live-names.ts',
  'src/cli/doctor/check.ts',
  'src/cli/time-bound.ts',
  'src/dns/google/access-token.ts',
];

test('only these use AbortSignal.timeout: Node.js keeps its signals, and a worker has one for each request', () => {
  const files = ['src', 'activities'].flatMap(filesBelow).filter((file) => file.endsWith('.ts'));
  const using = files.filter((file) => /AbortSignal\.timeout\(/.test(read(file)));
  expect(using.toSorted()).toEqual(ALLOWED);
});

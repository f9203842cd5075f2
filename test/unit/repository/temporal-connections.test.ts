import { expect, test } from 'vitest';
import { filesBelow, read } from './files.ts';

/** They pass the retries that end with the connection. */
const ALLOWED = ['src/cli/temporal-connection.ts', 'src/temporal/connect.ts'];
const TESTED = 'test/unit/temporal/retry-until-closed.test.ts';

test('only these make a connection of @temporalio/client: a retry of another one can end the process', () => {
  const files = ['src', 'local', 'bench', 'test'].flatMap(filesBelow).filter((file) => file.endsWith('.ts'));
  const making = files.filter((file) => /(?<!Native)Connection\.(connect|lazy)\(/.test(read(file)));
  expect(making.toSorted()).toEqual([...ALLOWED, TESTED]);
});

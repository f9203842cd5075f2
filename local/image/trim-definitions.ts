/** Has the Temporal SDK's Protobuf definitions, which each of a worker's two threads loads, take less memory. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Temporal Cloud's API for operators, a quarter of the definitions. A worker on Temporal Cloud uses none of it either. */
const UNUSED = 'cloud';
const CALL = '.addJSON(';
/** One byte for each character, so that it is read as such: the definitions are ASCII, and a test says so. */
const READ_FILE = "JSON.parse(require('node:fs').readFileSync(require.resolve('./definitions.json'), 'latin1'))";

interface Namespaces {
  readonly nested: Record<string, Partial<Namespaces>>;
}

/**
 * Moves the definitions into a file, of which nothing is kept once it is read, and leaves out those that nothing uses.
 * @param nodeModules folder in which the SDK is.
 * @throws Error where the SDK's module is another than expected.
 */
export function trimDefinitions(nodeModules: string): void {
  const folder = join(nodeModules, '@temporalio/proto/protos');
  const file = join(folder, 'json-module.js');
  const text = readFileSync(file, 'utf8');
  const start = text.indexOf(CALL) + CALL.length;
  const end = text.lastIndexOf('});') + 1;
  if (start < CALL.length || end < start) throw new Error(`${file} has no call of addJSON with an object`);
  const definitions = JSON.parse(text.slice(start, end)) as Record<string, Namespaces>;
  const api = definitions['temporal']?.nested['api']?.nested;
  if (api?.[UNUSED] === undefined) throw new Error(`${file} has no temporal.api.${UNUSED}`);
  delete api[UNUSED];
  writeFileSync(join(folder, 'definitions.json'), JSON.stringify(definitions));
  // Not written in place: the file may be a link to that of another folder.
  rmSync(file);
  writeFileSync(file, `${text.slice(0, start)}${READ_FILE}${text.slice(end)}`);
}

/**
 * The recorded histories: a folder for each shape that the workflows have had, named after the month it was recorded in, and a
 * file for each run, in the JSON that Temporal's own tools write and read.
 */
import { readdirSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type History, historyFromJson } from '../temporal/history-json.ts';

const HISTORIES = fileURLToPath(new URL('../../histories/', import.meta.url));

/** The shape of the present workflows. Workflows of the others may still run: their recordings are kept as they are. */
export const NEWEST_SHAPE = '2026-11-placed-and-fulfilled';

/** Every shape, the newest included, oldest first. */
export const SHAPES: readonly string[] = readdirSync(HISTORIES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();

/** One recorded run. */
export interface RecordedHistory {
  /** File name without its ending: `<scenario>.<run>.<workflow type>`. */
  readonly name: string;
  readonly scenario: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly history: History;
}

/** Folder of a shape's histories. */
export function historyFolder(shape: string): string {
  return join(HISTORIES, shape);
}

/** All histories of a shape, by file name. */
export async function recordedHistories(shape: string): Promise<readonly RecordedHistory[]> {
  const folder = historyFolder(shape);
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json')).sort();
  return await Promise.all(
    files.map(async (file) => {
      const history = historyFromJson(JSON.parse(await readFile(join(folder, file), 'utf8')));
      const started = history.events?.[0]?.workflowExecutionStartedEventAttributes;
      const name = basename(file, '.json');
      return {
        name,
        scenario: name.split('.')[0] ?? '',
        workflowId: started?.workflowId ?? '',
        runId: started?.originalExecutionRunId ?? '',
        history,
      };
    }),
  );
}

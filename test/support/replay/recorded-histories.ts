/**
 * The recorded histories: a folder for each shape that the workflows have had, a file for each run, in the JSON that
 * Temporal's own tools write and read.
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type History, historyFromJson } from '../temporal/history-json.ts';
import type { Shape } from './shapes.ts';

export interface RecordedHistory {
  /** Of the file, without its ending: `<life>.<run>.<workflow type>`. */
  readonly name: string;
  readonly life: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly history: History;
}

export function historyFolder(shape: Shape): string {
  return fileURLToPath(new URL(`../../histories/${shape}/`, import.meta.url));
}

export async function recordedHistories(shape: Shape): Promise<readonly RecordedHistory[]> {
  const folder = historyFolder(shape);
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json')).sort();
  return await Promise.all(
    files.map(async (file) => {
      const history = historyFromJson(JSON.parse(await readFile(join(folder, file), 'utf8')));
      const started = history.events?.[0]?.workflowExecutionStartedEventAttributes;
      const name = basename(file, '.json');
      return {
        name,
        life: name.split('.')[0] ?? '',
        workflowId: started?.workflowId ?? '',
        runId: started?.originalExecutionRunId ?? '',
        history,
      };
    }),
  );
}

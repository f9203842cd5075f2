import { randomUUID } from 'node:crypto';
import { access, chmod, constants, open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCodeOf } from '../../failures/error-code.ts';
import { UsageError } from '../arguments.ts';

/**
 * A file that a report is written to once it is read, which takes minutes of a large fleet. Until then it stays as it is, and it
 * has the whole report or what it had before.
 */
export class ReportFile {
  /** As the person named it. */
  readonly #name: string;
  readonly #path: string;
  /** Permissions of the file that is replaced; absent: there is none. */
  readonly #mode: number | undefined;
  /** A device, a pipe, and a file in a folder that takes no other, are written to as they are. */
  readonly #isReplaced: boolean;

  private constructor(name: string, path: string, mode: number | undefined, isReplaced: boolean) {
    this.#name = name;
    this.#path = path;
    this.#mode = mode;
    this.#isReplaced = isReplaced;
  }

  /** Checks that it can be written, and leaves nothing there. @throws UsageError when it cannot be. */
  static async check(name: string): Promise<ReportFile> {
    try {
      const found = await stat(name).catch(unlessAbsent);
      if (found === undefined) {
        await tryFolder(name);
        return new ReportFile(name, name, undefined, true);
      }
      // Opening a pipe would wait for its reader.
      if (!found.isFile() && !found.isDirectory()) {
        await access(name, constants.W_OK);
        return new ReportFile(name, name, found.mode, false);
      }
      // Without truncating it.
      await (await open(name, constants.O_WRONLY)).close();
      // A rename replaces a symbolic link, not what it leads to.
      const path = await realpath(name);
      const isReplaced = await tryFolder(path).then(
        () => true,
        () => false,
      );
      return new ReportFile(name, path, found.mode, isReplaced);
    } catch (error) {
      throw cannotBeWritten(name, error);
    }
  }

  /** @throws UsageError when it cannot be written any more. */
  async write(text: string): Promise<void> {
    try {
      if (this.#isReplaced) await this.#replace(text);
      else await writeFile(this.#path, text);
    } catch (error) {
      throw cannotBeWritten(this.#name, error);
    }
  }

  async #replace(text: string): Promise<void> {
    const part = besides(this.#path);
    try {
      await writeFile(part, text, { flag: 'wx' });
      if (this.#mode !== undefined) await chmod(part, this.#mode);
      await rename(part, this.#path);
    } catch (error) {
      await rm(part, { force: true });
      // A file that is mounted by itself, as into a container, cannot be replaced.
      if (errorCodeOf(error) !== 'EBUSY') throw error;
      await writeFile(this.#path, text);
    }
  }
}

/** @throws what a new file in the folder of `path` fails with. */
async function tryFolder(path: string): Promise<void> {
  const part = besides(path);
  await writeFile(part, '', { flag: 'wx' });
  await rm(part);
}

function besides(path: string): string {
  return join(dirname(path), `.certman-${randomUUID()}`);
}

function unlessAbsent(error: unknown): undefined {
  if (errorCodeOf(error) !== 'ENOENT') throw error;
}

function cannotBeWritten(name: string, error: unknown): UsageError {
  return new UsageError(`--file ${name.slice(0, 200)} cannot be written (${errorCodeOf(error) ?? 'unknown reason'})`);
}

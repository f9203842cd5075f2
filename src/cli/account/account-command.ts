import { ACCOUNT_SECRET } from '../../kubernetes/objects/operator-settings.ts';
import { commandLine } from '../program-name.ts';

/** A command to type next, such as `certman account show`. @param secretName of the account that it is about. */
export function accountCommand(command: string, secretName: string): string {
  return commandLine(`account ${command}${secretName === ACCOUNT_SECRET ? '' : ` --secret ${secretName}`}`);
}

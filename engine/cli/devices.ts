/** @file `hdm-studio devices`: what can compute here. */
import { Command } from 'commander';
import { listDevices } from '../runtime/devices.ts';
import { jsonOption } from './options.ts';
import { openOutput } from './output.ts';

export function devicesCommand(): Command {
  return new Command('devices')
    .description('list the devices and try each')
    .addOption(jsonOption())
    .action(async ({ json = false }: { json?: boolean }) => {
      const output = openOutput(json);
      const devices = await listDevices();
      for (const { device, isAvailable, reason, adapters = [] } of devices) {
        output.line(`${isAvailable ? '✓' : '–'} ${device.padEnd(10)} ${reason}`);
        adapters.forEach((name, index) => output.line(`  ${`${device}:${index + 1}`.padEnd(10)} ${name}`));
      }
      output.result({ devices });
    });
}

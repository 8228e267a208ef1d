import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { bootStart, bootWay } from '../../../src/host/boot.ts'

const having =
  (...files: string[]) =>
  (file: string) =>
    files.includes(file)
const start = {
  command: "/opt/croft/croft start --state '/a b'",
  log_file: '/var/log/100%.log',
  pid_file: '/run/s.pid',
}

void test('the way a machine boots is told by what runs scripts, not by scripts lying about', () => {
  assert.equal(bootWay(having()), undefined)
  assert.equal(bootWay(having('/etc/cron.d')), undefined, 'a folder of another package')
  assert.equal(bootWay(having('/usr/sbin/update-rc.d', '/etc/init.d')), undefined)
  assert.equal(bootWay(having('/etc/cron.d', '/usr/sbin/cron'))?.kind, 'cron')
  const sysv = ['/usr/sbin/update-rc.d', '/etc/init.d/rc', '/etc/cron.d', '/usr/sbin/cron']
  assert.equal(bootWay(having(...sysv))?.kind, 'sysvinit')
  assert.equal(bootWay(having(...sysv, '/sbin/openrc-run', '/sbin/rc-update'))?.kind, 'openrc')
})

void test('a line of a crontab has no bare %, which would end it', () => {
  const text = bootWay(having('/etc/cron.d', '/usr/sbin/cron'))?.text(start) ?? ''
  const line = text.split('\n').find(one => one.startsWith('@reboot'))
  assert.equal(line, `@reboot root ${start.command} >>/var/log/100\\%.log 2>&1`)
  assert.match(text, /^PATH=/m)
})

void test('the scripts are ones that a shell reads', () => {
  for (const files of [
    ['/usr/sbin/update-rc.d', '/etc/init.d/rc'],
    ['/sbin/openrc-run', '/sbin/rc-update'],
  ]) {
    const way = bootWay(having(...files))
    const { status, stderr } = spawnSync('sh', ['-n'], { input: way?.text(start), encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    assert.equal(way?.mode, 0o755)
  }
})

void test('what is not in its usual place is said to the boot, too', () => {
  const place = { state_dir: '/srv/it is', config_file: '/nowhere.conf', log_dir: '/srv/log', run_dir: '/srv/run' }
  const { command, pid_file, log_file } = bootStart(place)
  assert.match(command, /\/croft start --keep-trying --state '\/srv\/it is'$/)
  assert.deepEqual([pid_file, log_file], ['/srv/run/supervisor.pid', '/srv/log/start.log'])
  assert.match(bootStart({ ...place, state_dir: '/var/lib/croft' }).command, /croft start --keep-trying$/)
})

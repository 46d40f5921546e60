/** Where one can go: for the menu, the palette and the keyboard. */
import Activity from '@lucide/svelte/icons/activity';
import Bot from '@lucide/svelte/icons/bot';
import House from '@lucide/svelte/icons/house';
import Inbox from '@lucide/svelte/icons/inbox';
import ListTree from '@lucide/svelte/icons/list-tree';
import SettingsIcon from '@lucide/svelte/icons/settings';
import Workflow from '@lucide/svelte/icons/workflow';

export const places = [
  { href: '/', label: 'Home', icon: House, keys: 'g h' },
  { href: '/needs-you', label: 'Needs you', icon: Inbox, keys: 'g n' },
  { href: '/runs', label: 'Runs', icon: Activity, keys: 'g r' },
  { href: '/workflows', label: 'Workflows', icon: Workflow, keys: 'g w' },
  { href: '/agents', label: 'Agents', icon: Bot, keys: 'g a' },
  { href: '/system', label: 'System', icon: ListTree, keys: 'g s' },
] as const;

export const settingsPlace = {
  href: '/settings',
  label: 'Settings',
  icon: SettingsIcon,
  keys: 'g ,',
} as const;

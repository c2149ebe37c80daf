# A small window at the left edge of the screen, out of which FILE can be dragged: wish drag.tcl FILE
package require tkdnd
wm title . Photo
wm overrideredirect . yes
wm geometry . 60x40+0+400
tkdnd::drag_source register . DND_Files
bind . <<DragInitCmd>> [list list copy DND_Files [lrange $argv 0 0]]

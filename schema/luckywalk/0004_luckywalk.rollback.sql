drop schema luckywalk cascade;
